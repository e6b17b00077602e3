/* Shows our own error message when the browser's passkey dialog ended without a passkey. */
const errorElement = document.getElementById("passkey-error");

function showError(text) {
  // In a separate element: a field's error without a child element is hidden.
  const message = document.createElement("span");
  message.textContent = text;
  errorElement.replaceChildren(message);
}

document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  showError(errorElement.dataset.refused);
});

if (!window.PublicKeyCredential) {
  for (const button of document.querySelectorAll("[data-passkey]")) {
    // On the login page a passkey is optional: without support the button is only hidden.
    if (button.dataset.passkey === "quiet") button.hidden = true;
    else button.disabled = true;
  }
  if (!document.querySelector('[data-passkey="quiet"]')) showError(errorElement.dataset.unable);
}
