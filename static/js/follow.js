/* The page of an unfinished video: follows its events. While no events arrive, the page polls once a second, as it does
   without this script: before the first event, when the connection is lost, and when the stream is refused. */
const stage = () => document.getElementById("video-live");
let source = null;
let received = false;
let refreshRequested = false;

const isFollowing = () => received && source?.readyState === EventSource.OPEN;

function refresh() {
  refreshRequested = true;
  window.htmx.trigger(stage(), "refresh");
}

// A queued video is still polled: its position in the queue is not part of the events.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.elt.id !== "video-live") return;
  if (!refreshRequested && isFollowing() && event.detail.elt.dataset.state === "in_progress") event.preventDefault();
  refreshRequested = false;
});

function onStatus({ status }) {
  if (!stage()) return stop();
  if (!["queued", "in_progress"].includes(status)) stop();
  if (status !== stage().dataset.state) refresh();
}

const fill = (pattern, values) => pattern.replace(/\{(\w+)\}/g, (_, name) => values[name]);

function onProgress({ progress, step, steps, eta_seconds: eta, attempt }) {
  const element = stage();
  if (element?.dataset.state !== "in_progress") return;
  const texts = element.dataset;
  element.querySelector("progress").value = step;
  if (!("stopping" in texts)) {
    element.querySelector("[data-live=title]").textContent =
      step < steps ? fill(texts.step, { done: step, steps }) : texts.finishing;
  }
  const facts = [fill(texts.percent, { percent: progress })];
  if (eta) facts.push(fill(texts.left, { seconds: Math.round(eta) }));
  if (attempt > 1) facts.push(fill(texts.attempt, { attempt }));
  element.querySelector("[data-live=facts]").textContent = facts.join(" · ");
}

function onPreview({ content_type: type, image_base64: image }) {
  const element = document.getElementById("stage-image");
  if (!element) return;
  element.src = `data:${type};base64,${image}`;
  element.alt = stage().dataset.preview;
  element.classList.add("is-preview");
}

function start() {
  const element = stage();
  if (!element || source || document.hidden) return;
  source = new EventSource(element.dataset.events);
  for (const [kind, act] of Object.entries({ status: onStatus, progress: onProgress, preview: onPreview })) {
    source.addEventListener(kind, (event) => {
      received = true;
      act(JSON.parse(event.data));
    });
  }
  source.addEventListener("error", () => {
    received = false; // the browser reconnects, unless the stream was refused
  });
}

function stop() {
  source?.close();
  source = null;
  received = false;
}

// A browser opens at most six connections to a site: hidden tabs release theirs for the others.
document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
window.addEventListener("pagehide", stop);
start();
