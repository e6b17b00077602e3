import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";

const BASE_URL = "http://localhost:8000";

async function call(path, options = {}) {
  const headers = { Authorization: `Bearer ${process.env.MUTOSCOPE_API_KEY}`, ...options.headers };
  const response = await fetch(BASE_URL + path, { ...options, headers });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  return response;
}

// 1. Submit an image and a prompt. The response is immediate and contains the id of the video.
const form = new FormData();
form.append("image", new Blob([await readFile("photo.jpg")]), "photo.jpg");
form.append("prompt", "The camera zooms in slowly");
form.append("preset", "fast");
const sent = await call("/v1/videos", {
  method: "POST",
  body: form,
  headers: { "Idempotency-Key": randomUUID() },
});
let video = await sent.json();
console.log(video.id);

// 2. Wait. The server delays each response for up to 30 seconds, until the status changes.
while (video.status === "queued" || video.status === "in_progress") {
  video = await (await call(`/v1/videos/${video.id}?wait=30`)).json();
  console.log(video.status, `${video.progress} %`);
}

// 3. Download the video, or print why it was not made.
if (video.status !== "completed") throw new Error(`No video: ${JSON.stringify(video.error)}`);
const download = await call(`/v1/videos/${video.id}/content`);
await writeFile("video.mp4", Buffer.from(await download.arrayBuffer()));
