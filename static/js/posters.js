/* A poster plays its video while the pointer rests on it. */
const REST_MILLISECONDS = 150;
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
let timer = 0;

function play(frame) {
  const video = document.createElement("video");
  Object.assign(video, { src: frame.dataset.video, muted: true, loop: true, playsInline: true });
  video.setAttribute("aria-hidden", "true");
  // Shown once it plays: until then the poster stays visible.
  video.addEventListener("playing", () => frame.querySelector("img")?.after(video), { once: true });
  frame.playing = video;
  video.play().catch(() => {});
}

function stop(frame) {
  clearTimeout(timer);
  if (!frame.playing) return;
  frame.playing.pause();
  frame.playing.removeAttribute("src");
  frame.playing.remove();
  frame.playing = null;
}

document.addEventListener("pointerover", (event) => {
  const frame = event.target.closest?.("[data-video]");
  if (!frame || frame.playing || reducedMotion.matches || event.pointerType !== "mouse") return;
  clearTimeout(timer);
  timer = setTimeout(() => frame.matches(":hover") && play(frame), REST_MILLISECONDS);
});
document.addEventListener("pointerout", (event) => {
  const frame = event.target.closest?.("[data-video]");
  if (frame && !frame.contains(event.relatedTarget)) stop(frame);
});
