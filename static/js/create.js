/* The Create page: choosing an image, presets that fill the settings, the counter, and updates of the price. */
const form = document.getElementById("create-form");
const texts = document.getElementById("create-texts").dataset;
const prompt = document.getElementById("prompt");
const model = document.querySelector("select[name=model]"); // null if the site offers one model
const submit = document.getElementById("submit");
const formKey = document.getElementById("form-key");

// The bytes decide, as on the server: names and types of files are often wrong or missing.
const SHOWN_BY_BROWSERS = /^\x89PNG\r\n\x1a\n|^\xff\xd8\xff|^RIFF[^]{4}WEBP/;
const SHOWN_BY_SOME_BROWSERS = /^[^]{4}ftyp[^]*?(?:hei[cxms]|hev[cx]|avi[fs])/;
const FROM_PRESET = ["resolution", "num_frames", "fps", "steps", "guidance_scale"];
const UNPRICED = ["prompt", "negative_prompt", "audio", "seed", "output_format", "image", "last_image"];

// The key belongs to the entry of the history: Back and a reload keep it, a new visit of the page has a new one.
const [{ type: visit }] = performance.getEntriesByType("navigation");
if (visit !== "navigate" && history.state?.formKey) formKey.value = history.state.formKey;
else history.replaceState({ ...history.state, formKey: formKey.value }, "");
// The server has replaced the key, since the video of the former one was deleted.
document.body.addEventListener("htmx:oobAfterSwap", ({ target }) => {
  if (target.id === "form-key") history.replaceState({ ...history.state, formKey: target.value }, "");
});

function setError(name, text) {
  const errorElement = document.getElementById(`error-${name}`);
  errorElement.replaceChildren(...(text ? [Object.assign(document.createElement("span"), { textContent: text })] : []));
  const control = document.querySelector(`[aria-describedby~="error-${name}"]`);
  if (text) control.setAttribute("aria-invalid", "true");
  else control.removeAttribute("aria-invalid");
}

function measure(url) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve([image.naturalWidth, image.naturalHeight]);
    image.onerror = reject;
    image.src = url;
  });
}

async function readStart(file) {
  const unreadable = () => new ArrayBuffer(0); // a folder, or a file that is gone
  return String.fromCharCode(...new Uint8Array(await file.slice(0, 64).arrayBuffer().catch(unreadable)));
}

const reprice = () => form.dispatchEvent(new Event("reprice"));

class PictureField {
  #preview;
  #name;
  #previewUrl = null;

  // prefix: of the ids of its elements.
  constructor(input, prefix) {
    this.input = input;
    this.drop = document.getElementById(`${prefix}drop`);
    // The file to restore in the input when a file dialog is canceled or a chosen file is refused.
    this.chosen = null;
    this.#preview = document.getElementById(`${prefix}preview`);
    this.#name = document.getElementById(`${prefix}picture-name`);
    input.addEventListener("change", () => (input.files.length ? this.accept(input.files[0]) : this.#fill(this.chosen)));
    this.drop.querySelector(".drop-remove").addEventListener("click", () => this.remove());
  }

  async accept(file) {
    const start = await readStart(file);
    const isOptional = SHOWN_BY_SOME_BROWSERS.test(start);
    if (!isOptional && !SHOWN_BY_BROWSERS.test(start)) return this.#refuse(texts.wrongType);
    const maxBytes = Number(form.dataset.maxBytes);
    if (file.size > maxBytes) return this.#refuse(texts.tooHeavy);
    const others = pictures.filter((other) => other !== this && other.chosen);
    if (others.reduce((sum, other) => sum + other.chosen.size, file.size) > maxBytes)
      return this.#refuse(texts.tooHeavyTogether);
    const url = URL.createObjectURL(file);
    let size;
    try {
      size = await measure(url);
    } catch {
      if (!isOptional) {
        URL.revokeObjectURL(url);
        return this.#refuse(texts.unreadable);
      }
      size = ["", ""];
    }
    const [width, height] = size;
    if (width * height > Number(form.dataset.maxPixels) || Math.max(width, height) > Number(form.dataset.maxSide)) {
      URL.revokeObjectURL(url);
      return this.#refuse(texts.tooLarge);
    }
    this.#fill(file);
    this.#show(url, width ? `${file.name} · ${width} × ${height}` : file.name, size);
    this.#preview.hidden = !width;
  }

  remove() {
    this.#fill(null);
    this.#show(null, "", ["", ""]);
    form.elements[`${this.input.name}_removed`].value = "1"; // also the picture of the video that is copied
    this.input.focus();
  }

  #refuse(text) {
    this.#fill(this.chosen);
    setError(this.input.name, text);
  }

  #fill(file) {
    const files = new DataTransfer();
    if (file) files.items.add(file);
    this.input.files = files.files;
    this.chosen = file;
  }

  #show(url, name, [width, height]) {
    if (this.#previewUrl) URL.revokeObjectURL(this.#previewUrl);
    this.#previewUrl = url;
    if (url) this.#preview.src = url;
    else this.#preview.removeAttribute("src");
    this.#preview.hidden = !url;
    this.drop.toggleAttribute("data-filled", url !== null);
    this.#name.textContent = name;
    setError(this.input.name, "");
    if (this.input.name !== "image") return; // the first picture gives the shape of the video
    form.elements.image_width.value = width;
    form.elements.image_height.value = height;
    reprice();
  }
}

const pictures = [
  new PictureField(document.getElementById("image"), ""),
  new PictureField(document.getElementById("last_image"), "last-"),
];
const pictureAt = (target) => pictures.find(({ drop }) => drop.contains(target));

for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault(); // an image dropped outside the areas must not replace the page
    for (const { drop } of pictures) drop.toggleAttribute("data-over", drop.contains(event.target));
  });
}
const endDrag = () => pictures.forEach(({ drop }) => drop.removeAttribute("data-over"));
document.addEventListener("dragleave", (event) => event.relatedTarget || endDrag());
document.addEventListener("drop", (event) => {
  endDrag();
  if (!event.dataTransfer?.files.length) return;
  event.preventDefault();
  (pictureAt(event.target) ?? pictures[0]).accept(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => {
  const file = event.clipboardData?.files[0];
  if (!file) return;
  event.preventDefault();
  (pictureAt(document.activeElement) ?? pictures[0]).accept(file);
});

function countPrompt() {
  const count = document.getElementById("prompt-count"); // the server replaces it with the model
  const length = [...prompt.value.normalize("NFC").trim()].length; // code points, as the server counts
  count.textContent = `${length} / ${count.dataset.maximum}`;
  count.toggleAttribute("data-over", length > Number(count.dataset.maximum));
}

function summarise() {
  const { resolution, num_frames: frames, fps, steps } = form.elements;
  const seconds = frames.value / fps.value;
  const length = seconds > 0 && Number.isFinite(seconds) ? texts.length.replace("{}", seconds.toFixed(1)) : "";
  document.getElementById("length").textContent = length && `= ${length}`;
  const values = [resolution.value, `${frames.value} ${texts.frames}`, `${fps.value} ${texts.fps}`];
  if (length) values.splice(1, 0, length);
  if (steps) values.push(`${steps.value} ${texts.steps}`); // not every model has steps
  const facts = values.join(" · ");
  document.getElementById("advanced-summary").textContent = form.elements.settings_of.value ? facts : `${texts.custom} · ${facts}`;
}

// A preset is checked only while the settings are its own.
function checkPreset() {
  const isOwn = (preset) =>
    FROM_PRESET.filter((name) => name in preset.dataset).every((name) => {
      const [own, now] = [preset.dataset[name], form.elements[name].value];
      return own === now || Number(own) === Number(now);
    });
  const presets = [...form.querySelectorAll("[name=preset]:enabled")];
  const checked = presets.find((preset) => preset.checked);
  const own = checked && isOwn(checked) ? checked : presets.find(isOwn);
  if (checked) checked.checked = false;
  if (own) own.checked = true;
  form.elements.settings_of.value = own?.value ?? "";
}

form.addEventListener("input", (event) => {
  const { name } = event.target;
  if (name === "preset") {
    const { dataset, value } = event.target;
    form.elements.loras_of.value = value; // they stay when numbers of the preset are changed
    for (const field of FROM_PRESET) if (field in dataset) form.elements[field].value = dataset[field];
  }
  if (name === "preset" || FROM_PRESET.includes(name)) checkPreset();
  if (name === "prompt") countPrompt();
  if (["prompt", "negative_prompt"].includes(name)) setError(name, "");
  if (name && name !== "model" && !UNPRICED.includes(name)) {
    summarise();
    reprice();
  }
});

// Another model has other settings, which the server sends. Until they are here, those of the former model are shown as
// outdated, and neither changed nor priced nor submitted.
const isOutdated = () => form.elements.model.value !== form.elements.settings_model.value;
let wasOpen = false;
let negativePrompt = ""; // as long as it is, and as private: no part of a URL

function showOutdated() {
  form.toggleAttribute("data-outdated", isOutdated());
  document.getElementById("settings").inert = submit.disabled = isOutdated();
}

form.addEventListener("htmx:confirm", (event) => {
  if (event.target !== model && isOutdated()) event.preventDefault();
});
model?.addEventListener("change", showOutdated);

// The settings could not be loaded.
function keepModel() {
  model.value = form.elements.settings_model.value;
  showOutdated();
}
// At the window, after others may have prevented the request.
addEventListener("htmx:beforeRequest", (event) => {
  if (event.target === model && event.defaultPrevented) keepModel();
});
for (const failure of ["htmx:sendError", "htmx:responseError"]) {
  document.body.addEventListener(failure, ({ target }) => target === model && keepModel());
}

document.body.addEventListener("htmx:beforeSwap", ({ target }) => {
  if (target.id !== "settings") return;
  wasOpen = document.getElementById("advanced").open;
  negativePrompt = form.elements.negative_prompt?.value ?? negativePrompt;
});
document.body.addEventListener("htmx:afterSettle", ({ target }) => {
  if (target.id !== "settings") return;
  document.getElementById("advanced").open = wasOpen;
  if (form.elements.negative_prompt) form.elements.negative_prompt.value = negativePrompt;
  showOutdated();
  // Back and a reload show the same model.
  const url = new URL(location);
  url.searchParams.set("model", form.elements.settings_model.value);
  history.replaceState(history.state, "", url);
  countPrompt();
  checkPreset();
  summarise();
  reprice();
});

for (const idea of document.querySelectorAll("[data-idea]")) {
  idea.addEventListener("click", () => {
    const text = prompt.value.trim();
    if (text.includes(idea.dataset.idea)) return prompt.focus();
    prompt.value = text ? `${text}${/[.,;，。；]$/.test(text) ? " " : ", "}${idea.dataset.idea}` : idea.dataset.idea;
    prompt.dispatchEvent(new Event("input", { bubbles: true }));
    prompt.focus();
  });
}

// Ctrl+Enter in the prompt submits, as in other tools.
prompt.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.repeat) form.requestSubmit();
});

// Accepted: the page is about to change; a second click must not create a second video.
form.addEventListener("htmx:afterRequest", (event) => {
  if (event.target === form && event.detail.xhr.status === 204) setTimeout(() => (submit.disabled = true));
});
// The browser restores a form on "back", some after this script has run: show and check what it contains then.
addEventListener("pageshow", () => {
  submit.disabled = false;
  countPrompt();
  checkPreset();
  summarise();
  if (isOutdated()) model.dispatchEvent(new Event("change", { bubbles: true }));
  for (const picture of pictures) {
    const [file] = picture.input.files;
    if (file && file !== picture.chosen) picture.accept(file);
  }
});
