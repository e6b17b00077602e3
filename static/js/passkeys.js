/* Says in our words what went wrong when the browser's own dialog for passkeys ended without one. */
const trouble = document.getElementById("passkey-trouble");

function tell(text) {
  // An element of its own: a field's error without one is not shown.
  const words = document.createElement("span");
  words.textContent = text;
  trouble.replaceChildren(words);
}

document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  tell(trouble.dataset.refused);
});

if (!window.PublicKeyCredential) {
  for (const button of document.querySelectorAll("[data-passkey]")) {
    // On the login page it is one way among others, and says nothing to who does not use it.
    if (button.dataset.passkey === "quiet") button.hidden = true;
    else button.disabled = true;
  }
  if (!document.querySelector('[data-passkey="quiet"]')) tell(trouble.dataset.unable);
}
