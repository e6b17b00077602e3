// A video plays by itself only for people who did not ask for less motion. Public pages have no htmx.
function playIn(root) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  for (const video of root.querySelectorAll("video[data-autoplay]")) video.play().catch(() => {});
}

document.addEventListener("htmx:load", ({ target }) => playIn(target));
playIn(document);
