/* Scripts of all pages: theme switch, dialogs, copying, toasts, and the handling of failed requests. */
const texts = document.getElementById("ui-texts").dataset;
const toasts = document.getElementById("toasts");
const TOAST_SECONDS = 6;

function dismissLater(toast) {
  if (["error", "warning"].includes(toast.dataset.level)) return; // errors stay until they are dismissed
  setTimeout(() => toast.remove(), TOAST_SECONDS * 1000);
}

// Behind a modal dialog nothing can be read or pressed: the toasts are then part of the dialog.
function append(toast) {
  const home = [...document.querySelectorAll("dialog:modal")].at(-1) ?? document.body;
  if (toasts.parentElement !== home) home.append(toasts);
  toasts.append(toast);
}
document.addEventListener("close", ({ target }) => target.contains(toasts) && document.body.append(toasts), {
  capture: true,
});

function showToast(text, level = "info") {
  const toast = document.getElementById("toast-pattern").content.firstElementChild.cloneNode(true);
  toast.dataset.level = level;
  toast.querySelector("p").textContent = text;
  for (const other of toasts.children) if (other.textContent.trim() === text) other.remove();
  append(toast);
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
    event.preventDefault(); // the link and `popovertarget` are for browsers without scripts, the link also for new tabs
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

// Another response may have replaced the element that sent a request. htmx would look for HX-Retarget in vain.
function ignoreIfReplaced(event) {
  if (!event.detail.elt.isConnected && event.detail.xhr.getResponseHeader("HX-Retarget")) event.preventDefault();
}
document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  detail.elt.addEventListener("htmx:beforeOnLoad", ignoreIfReplaced);
});

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
  const isRead = event.detail.requestConfig.verb === "get";
  if (!isRead || !offline?.isConnected) offline = showToast(isRead ? texts.offline : texts.notSubmitted, "error");
});
document.addEventListener("htmx:responseError", (event) => {
  const { verb, triggeringEvent } = event.detail.requestConfig;
  const isUserAction = closeEmptyDialog(event.detail.elt) || verb !== "get" || triggeringEvent?.type === "change";
  // A polled object was deleted elsewhere: reload, so that the page itself shows it.
  if (event.detail.xhr.status === 404 && verb === "get") location.reload();
  else if (event.detail.xhr.status < 500 || isUserAction) showToast(texts.failed, "error");
});

// Another tab may switch the team. This page keeps its own one: requests for it are refused until it is switched back.
const { user, team, teamName } = document.body.dataset;
let teamNotice = null;

function rememberTeam() {
  try {
    if (team) localStorage.setItem("team", JSON.stringify({ user, id: team, name: teamName }));
  } catch {
    // storage may be disabled
  }
}

function showTeamChanged(name) {
  if (teamNotice?.isConnected) return;
  teamNotice = document.getElementById("team-changed").content.firstElementChild.cloneNode(true);
  teamNotice.querySelector("[data-now]").textContent = name;
  append(teamNotice);
  window.htmx.process(teamNotice);
}

addEventListener("storage", ({ key, newValue }) => {
  if (key !== "team" || !newValue || !team) return;
  const now = JSON.parse(newValue);
  if (now.user !== user) return; // another user signed in, or an administrator acts as one
  if (now.id === team) teamNotice?.remove();
  else showTeamChanged(now.name);
});
document.addEventListener("teamChanged", ({ detail }) => showTeamChanged(detail.name));
document.addEventListener("alreadySubmitted", () => showToast(texts.alreadySubmitted, "error"));
// Nothing is polled for a team that is not the current one.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (teamNotice?.isConnected && event.detail.requestConfig.verb === "get") event.preventDefault();
});
document.addEventListener("htmx:afterRequest", ({ target, detail }) => {
  if (!("switchBack" in target.dataset) || !detail.successful) return;
  teamNotice.remove();
  rememberTeam();
});

// "Load more" goes on with the first new card: the focus would be lost with the button.
document.addEventListener("htmx:beforeRequest", ({ target }) => {
  const list = document.getElementById(target.dataset?.more);
  if (!list) return;
  const known = list.childElementCount;
  const focusNext = () => list.children[known]?.querySelector("a")?.focus({ preventScroll: true });
  document.addEventListener("htmx:load", focusNext, { once: true });
});

rememberTeam();
for (const toast of toasts.children) dismissLater(toast);
// Opened by the server: without scripts such a dialog is part of the page.
for (const dialog of document.querySelectorAll("dialog[open]")) {
  dialog.open = false;
  dialog.showModal();
}
showTheme();
markErrors(false);
