import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";

import OpenAI from "openai";

const client = new OpenAI({ baseURL: "http://localhost:8000/v1", apiKey: process.env.MUTOSCOPE_API_KEY });

let video = await client.videos.create(
  {
    model: "camera",
    prompt: "The camera zooms in slowly",
    input_reference: createReadStream("photo.jpg"),
    seconds: "2",
    size: "512x512",
  },
  // A repeat with the same key returns the same video.
  { headers: { "Idempotency-Key": randomUUID() } },
);
while (video.status === "queued" || video.status === "in_progress") {
  await setTimeout(1000);
  video = await client.videos.retrieve(video.id);
}
if (video.status !== "completed") throw new Error(`No video: ${video.status} ${JSON.stringify(video.error)}`);
const content = await client.videos.downloadContent(video.id);
await writeFile("video.mp4", Buffer.from(await content.arrayBuffer()));
