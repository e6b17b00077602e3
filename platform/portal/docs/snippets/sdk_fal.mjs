import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";

import { fal } from "@fal-ai/client";

const SITE = "http://localhost:8000";

fal.config({
  credentials: process.env.MUTOSCOPE_API_KEY,
  // The client knows three hosts. Replace each by a path of this site.
  requestMiddleware: async (request) => ({
    ...request,
    url: request.url
      .replace("https://queue.fal.run", `${SITE}/fal/queue`)
      .replace("https://fal.run", `${SITE}/fal`)
      .replace("https://rest.fal.ai", `${SITE}/fal/rest`),
  }),
});

const { data } = await fal.subscribe("mutoscope/camera", {
  input: {
    image_url: new Blob([await readFile("photo.jpg")], { type: "image/jpeg" }), // is uploaded
    prompt: "The camera zooms in slowly",
    num_frames: 16,
  },
  // A repeat with the same key returns the same video.
  headers: { "Idempotency-Key": randomUUID() },
  onQueueUpdate: (update) => console.log(update.status),
});
const video = await fetch(data.video.url);
await writeFile("video.mp4", Buffer.from(await video.arrayBuffer()));
