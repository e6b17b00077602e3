/* Draws the API's description with Swagger UI. */
const place = document.getElementById("swagger");
const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");

// Swagger UI has a dark look of its own, behind a class.
function showTheme() {
  const chosen = root.dataset.theme;
  root.classList.toggle("dark-mode", chosen ? chosen === "dark" : system.matches);
}
showTheme();
system.addEventListener("change", showTheme);
new MutationObserver(showTheme).observe(root, { attributeFilter: ["data-theme"] });

// A browser that is signed in may do everything without a key, but has to show that the call comes from this page.
function proveOrigin(request) {
  const isOurs = new URL(request.url, location.href).origin === location.origin;
  const isRead = [undefined, "GET", "HEAD"].includes(request.method);
  if (isOurs && !isRead && !request.headers.Authorization) request.headers["X-CSRFToken"] = place.dataset.csrf;
  return request;
}

function draw(spec) {
  delete spec.servers; // the address in the browser's line is the one that answers
  const { bearer } = spec.components.securitySchemes; // one box for the key; the other two ways need none
  spec.components.securitySchemes = { bearer };
  for (const item of Object.values(spec.paths)) {
    for (const operation of Object.values(item)) if (operation.security) operation.security = [{ bearer: [] }];
  }
  window.SwaggerUIBundle({
    spec,
    domNode: place,
    deepLinking: true,
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    presets: [window.SwaggerUIBundle.presets.apis],
    requestInterceptor: proveOrigin,
  });
}

try {
  const answer = await fetch(place.dataset.description);
  if (!answer.ok) throw new Error(String(answer.status));
  draw(await answer.json());
} catch {
  place.textContent = document.getElementById("words").dataset.failed;
}
