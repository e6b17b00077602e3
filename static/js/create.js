/* The Create page: choosing a picture, presets that fill the settings, the counter, and when to ask for the price. */
const form = document.getElementById("create-form");
const words = document.getElementById("create-words").dataset;
const input = document.getElementById("image");
const drop = document.getElementById("drop");
const preview = document.getElementById("preview");
const pictureName = document.getElementById("picture-name");
const prompt = document.getElementById("prompt");
const count = document.getElementById("prompt-count");
const summary = document.getElementById("advanced-summary");
const submit = document.getElementById("submit");

const TYPES = ["image/png", "image/jpeg", "image/webp"];
const FROM_PRESET = ["resolution", "num_frames", "steps", "guidance_scale"];
const UNPRICED = ["prompt", "negative_prompt", "seed", "output_format", "image"];

// The file that the input holds when a dialog is cancelled or a refused file replaced it.
let chosen = null;
let address = null;

function setError(name, text) {
  const place = document.getElementById(`error-${name}`);
  place.replaceChildren(...(text ? [Object.assign(document.createElement("span"), { textContent: text })] : []));
  const control = document.querySelector(`[aria-describedby~="error-${name}"]`);
  if (text) control.setAttribute("aria-invalid", "true");
  else control.removeAttribute("aria-invalid");
}

function hold(file) {
  const files = new DataTransfer();
  if (file) files.items.add(file);
  input.files = files.files;
}

function measure(url) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve([image.naturalWidth, image.naturalHeight]);
    image.onerror = reject;
    image.src = url;
  });
}

function refuse(text) {
  hold(chosen);
  setError("image", text);
}

async function take(file) {
  if (!TYPES.includes(file.type)) return refuse(words.wrongType);
  if (file.size > Number(form.dataset.maxBytes)) return refuse(words.tooHeavy);
  const url = URL.createObjectURL(file);
  let size;
  try {
    size = await measure(url);
  } catch {
    URL.revokeObjectURL(url);
    return refuse(words.unreadable);
  }
  const [width, height] = size;
  if (width * height > Number(form.dataset.maxPixels) || Math.max(width, height) > Number(form.dataset.maxSide)) {
    URL.revokeObjectURL(url);
    return refuse(words.tooLarge);
  }
  if (address) URL.revokeObjectURL(address);
  chosen = file;
  address = url;
  hold(file);
  setError("image", "");
  preview.src = url;
  preview.hidden = false;
  drop.dataset.filled = "";
  pictureName.textContent = `${file.name} · ${width} × ${height}`;
  form.elements.picture_width.value = width;
  form.elements.picture_height.value = height;
  reprice();
}

const reprice = () => form.dispatchEvent(new Event("reprice"));

input.addEventListener("change", () => (input.files.length ? take(input.files[0]) : hold(chosen)));
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault(); // a picture dropped beside the area must not replace the page
    drop.toggleAttribute("data-over", drop.contains(event.target));
  });
}
document.addEventListener("dragleave", (event) => event.relatedTarget || drop.removeAttribute("data-over"));
document.addEventListener("drop", (event) => {
  drop.removeAttribute("data-over");
  if (!event.dataTransfer?.files.length) return;
  event.preventDefault();
  take(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => {
  const file = [...(event.clipboardData?.files || [])].find((one) => one.type.startsWith("image/"));
  if (!file) return;
  event.preventDefault();
  take(file);
});

function countPrompt() {
  const length = [...prompt.value].length; // code points, as the server counts
  count.textContent = `${length} / ${count.dataset.maximum}`;
  count.toggleAttribute("data-over", length > Number(count.dataset.maximum));
}

function summarise() {
  const { resolution, num_frames: frames, fps, steps } = form.elements;
  summary.textContent = `${resolution.value} · ${frames.value} ${words.frames} · ${fps.value} ${words.fps} · ${steps.value} ${words.steps}`;
}

form.addEventListener("input", (event) => {
  const { name } = event.target;
  if (name === "preset") for (const field of FROM_PRESET) form.elements[field].value = event.target.dataset[field];
  if (name === "prompt") countPrompt();
  if (["prompt", "negative_prompt"].includes(name)) setError(name, "");
  if (name && !UNPRICED.includes(name)) {
    summarise();
    reprice();
  }
});

for (const idea of document.querySelectorAll("[data-idea]")) {
  idea.addEventListener("click", () => {
    const text = prompt.value.trim();
    prompt.value = text ? `${text}${/[.,;，。；]$/.test(text) ? " " : ", "}${idea.dataset.idea}` : idea.dataset.idea;
    prompt.dispatchEvent(new Event("input", { bubbles: true }));
    prompt.focus();
  });
}

// Ctrl+Enter in the prompt submits, as in other tools.
prompt.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});

// Accepted: the page is about to change; a second click must not make a second video.
form.addEventListener("htmx:afterRequest", (event) => {
  if (event.target === form && event.detail.xhr.status === 204) setTimeout(() => (submit.disabled = true));
});
addEventListener("pageshow", (event) => event.persisted && (submit.disabled = false));

countPrompt();
summarise();
// The browser restores a form on "back": the picture and what depends on it are then looked at again.
if (input.files.length) take(input.files[0]);
