/* Scripts of all pages: theme switch, dialogs, copying, toasts, and the handling of failed requests. */
const texts = document.getElementById("ui-texts").dataset;
const toasts = document.getElementById("toasts");
const TOAST_SECONDS = 6;

function dismissLater(toast) {
  if (["error", "warning"].includes(toast.dataset.level)) return; // errors stay until they are dismissed
  setTimeout(() => toast.remove(), TOAST_SECONDS * 1000);
}

function showToast(text, level = "info") {
  const toast = document.getElementById("toast-pattern").content.firstElementChild.cloneNode(true);
  toast.dataset.level = level;
  toast.querySelector("p").textContent = text;
  for (const other of toasts.children) if (other.textContent.trim() === text) other.remove();
  toasts.append(toast);
  dismissLater(toast);
  return toast;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without HTTPS only localhost has the clipboard API.
    const area = Object.assign(document.createElement("textarea"), { value: text, readOnly: true });
    const holder = document.querySelector("dialog[open]") || document.body;
    holder.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

function showTheme() {
  const now = window.mutoscopeTheme.read();
  for (const button of document.querySelectorAll("[data-set-theme]")) {
    button.setAttribute("aria-pressed", String(button.dataset.setTheme === now));
  }
}

// Resets a dialog that is loaded on demand: nothing of one row is shown, or sent, for another.
function resetDialog(dialog) {
  dialog.initialContent ??= dialog.innerHTML;
  dialog.innerHTML = dialog.initialContent;
}

// A link that opens a dialog is still a link: with a modifier key it opens a tab, and htmx must not handle the click.
document.addEventListener(
  "click",
  (event) => {
    if ((event.ctrlKey || event.metaKey || event.shiftKey) && event.target.closest("a[data-opens]"))
      event.stopPropagation();
  },
  { capture: true },
);

document.addEventListener("click", async (event) => {
  const target = event.target.closest("[data-set-theme], [data-opens], [data-closes], [data-copy], [data-dismiss]");
  if (!target) {
    // A click on the backdrop is a click on the dialog itself.
    if (event.target instanceof HTMLDialogElement && !event.target.hasAttribute("data-keep")) event.target.close();
    return;
  }
  if ("setTheme" in target.dataset) {
    window.mutoscopeTheme.set(target.dataset.setTheme);
    showTheme();
  } else if (target.dataset.opens) {
    const dialog = document.getElementById(target.dataset.opens);
    event.preventDefault(); // the link itself is for browsers without scripts, and for new tabs
    if (target.hasAttribute("hx-get")) resetDialog(dialog);
    dialog.showModal();
  } else if ("closes" in target.dataset) {
    const dialog = target.closest("dialog");
    if (!dialog) return; // on a separate page it is a link back
    event.preventDefault();
    dialog.close();
  } else if ("dismiss" in target.dataset) {
    target.closest(".toast").remove();
  } else if ("copy" in target.dataset) {
    const done = await copy(target.dataset.copy || document.getElementById(target.dataset.copyFrom).textContent.trim());
    showToast(done ? texts.copied : texts.copyFailed, done ? "info" : "error");
  }
});

// Marks the fields that have an error; the first one gets the focus.
function markErrors(andFocus) {
  let first = null;
  for (const error of document.querySelectorAll(".field-error[id]")) {
    const control = document.querySelector(`[aria-describedby~="${error.id}"]`);
    if (!control) continue;
    const wrong = error.textContent.trim() !== "";
    if (wrong) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
    if (wrong && !first) first = control;
  }
  if (!first || !andFocus) return;
  first.closest("details")?.setAttribute("open", "");
  first.focus({ preventScroll: true });
  first.closest(".field, fieldset")?.scrollIntoView({ block: "center" });
}

let offline = null;
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.xhr?.status) {
    offline?.remove();
    offline = null;
  }
  markErrors(event.detail.requestConfig?.verb === "post" && event.detail.xhr?.status >= 400);
});
// Closes a dialog whose content could not be loaded, so that the error message is visible.
function closeEmptyDialog(opener) {
  document.getElementById(opener.dataset.opens)?.close();
  return "opens" in opener.dataset;
}
document.addEventListener("htmx:sendError", (event) => {
  closeEmptyDialog(event.detail.elt);
  if (!offline?.isConnected) offline = showToast(texts.offline, "error");
});
document.addEventListener("htmx:responseError", (event) => {
  const isUserAction = closeEmptyDialog(event.detail.elt) || event.detail.requestConfig.verb !== "get";
  // A polled object was deleted elsewhere: reload, so that the page itself shows it.
  if (event.detail.xhr.status === 404 && event.detail.requestConfig.verb === "get") location.reload();
  else if (event.detail.xhr.status < 500 || isUserAction) showToast(texts.failed, "error");
});

for (const toast of toasts.children) dismissLater(toast);
for (const dialog of document.querySelectorAll("dialog[data-open-now]")) dialog.showModal();
showTheme();
markErrors(false);
