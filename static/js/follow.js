/* The page of a video that is being made: follows its events. While none come the page asks once a second, as it would
   without this script: before the first, when the connection is lost, and where streams are refused. */
const stage = () => document.getElementById("video-live");
let source = null;
let heard = false;
let asked = false;

const follows = () => heard && source?.readyState === EventSource.OPEN;

function ask() {
  asked = true;
  window.htmx.trigger(stage(), "refresh");
}

// In the queue the page still asks: how many are before it is no event.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.elt.id !== "video-live") return;
  if (!asked && follows() && event.detail.elt.dataset.state === "in_progress") event.preventDefault();
  asked = false;
});

function onStatus({ status }) {
  if (!stage()) return stop();
  if (!["queued", "in_progress"].includes(status)) stop();
  if (status !== stage().dataset.state) ask();
}

const fill = (pattern, values) => pattern.replace(/\{(\w+)\}/g, (_, name) => values[name]);

function onProgress({ progress, step, steps, eta_seconds: eta, attempt }) {
  const place = stage();
  if (place?.dataset.state !== "in_progress") return;
  const words = place.dataset;
  place.querySelector("progress").value = step;
  if (!("stopping" in words)) {
    place.querySelector("[data-live=title]").textContent =
      step < steps ? fill(words.step, { done: step, steps }) : words.finishing;
  }
  const facts = [fill(words.percent, { percent: progress })];
  if (eta) facts.push(fill(words.left, { seconds: Math.round(eta) }));
  if (attempt > 1) facts.push(fill(words.attempt, { attempt }));
  place.querySelector("[data-live=facts]").textContent = facts.join(" · ");
}

function onPreview({ content_type: type, image_base64: image }) {
  const still = document.getElementById("still");
  if (!still) return;
  still.src = `data:${type};base64,${image}`;
  still.alt = stage().dataset.preview;
  still.classList.add("is-preview");
}

function start() {
  const place = stage();
  if (!place || source || document.hidden) return;
  source = new EventSource(place.dataset.events);
  for (const [kind, act] of Object.entries({ status: onStatus, progress: onProgress, preview: onPreview })) {
    source.addEventListener(kind, (event) => {
      heard = true;
      act(JSON.parse(event.data));
    });
  }
  source.addEventListener("error", () => {
    heard = false; // it comes back by itself, if it was not refused
  });
}

function stop() {
  source?.close();
  source = null;
  heard = false;
}

// A browser has six connections to a site: those of tabs that nobody looks at would be missed by the others.
document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
window.addEventListener("pagehide", stop);
start();
