/* Renders the OpenAPI description with Swagger UI. */
const container = document.getElementById("swagger");
const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");

// Swagger UI has its own dark theme, which a class enables.
function showTheme() {
  const chosen = root.dataset.theme;
  root.classList.toggle("dark-mode", chosen ? chosen === "dark" : system.matches);
}
showTheme();
system.addEventListener("change", showTheme);
new MutationObserver(showTheme).observe(root, { attributeFilter: ["data-theme"] });

// A signed-in browser needs no API key, but its requests need the CSRF token of this page.
function addCsrfToken(request) {
  const isOurs = new URL(request.url, location.href).origin === location.origin;
  const isRead = [undefined, "GET", "HEAD"].includes(request.method);
  if (isOurs && !isRead && !request.headers.Authorization) request.headers["X-CSRFToken"] = container.dataset.csrf;
  return request;
}

function render(spec) {
  delete spec.servers; // requests go to the origin of this page
  const { bearer } = spec.components.securitySchemes; // one field for the key; the other two schemes need none
  spec.components.securitySchemes = { bearer };
  for (const item of Object.values(spec.paths)) {
    for (const operation of Object.values(item)) if (operation.security) operation.security = [{ bearer: [] }];
  }
  window.SwaggerUIBundle({
    spec,
    domNode: container,
    deepLinking: true,
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    presets: [window.SwaggerUIBundle.presets.apis],
    requestInterceptor: addCsrfToken,
  });
}

try {
  const response = await fetch(container.dataset.description);
  if (!response.ok) throw new Error(String(response.status));
  render(await response.json());
} catch {
  container.textContent = document.getElementById("ui-texts").dataset.failed;
}
