import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";

const PORTAL = "http://localhost:8000";

async function call(path, options = {}) {
  const headers = { Authorization: `Bearer ${process.env.MUTOSCOPE_API_KEY}`, ...options.headers };
  const answer = await fetch(PORTAL + path, { ...options, headers });
  if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
  return answer;
}

// 1. Send the picture and the sentence. The answer comes at once and holds the video's id.
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

// 2. Wait. The server holds each answer back for up to 30 seconds until something changes.
while (video.status === "queued" || video.status === "in_progress") {
  video = await (await call(`/v1/videos/${video.id}?wait=30`)).json();
  console.log(video.status, `${video.progress} %`);
}

// 3. Fetch the film, or say why there is none.
if (video.status !== "completed") throw new Error(`No video: ${JSON.stringify(video.error)}`);
const film = await call(`/v1/videos/${video.id}/content`);
await writeFile("video.mp4", Buffer.from(await film.arrayBuffer()));
