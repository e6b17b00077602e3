import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";

import Replicate from "replicate";

// A repeat with the same key returns the same video. The SDK has no argument for headers, so make a client for each one.
const idempotencyKey = randomUUID();
const replicate = new Replicate({
  baseUrl: "http://localhost:8000/replicate/v1",
  auth: process.env.MUTOSCOPE_API_KEY,
  fetch: (url, options) =>
    fetch(url, { ...options, headers: { ...options?.headers, "Idempotency-Key": idempotencyKey } }),
});

const output = await replicate.run("mutoscope/camera", {
  input: { image: await readFile("photo.jpg"), prompt: "The camera zooms in slowly", num_frames: 16, fps: 8 },
});
// Over HTTPS the output is a FileOutput with blob(); over plain HTTP it is only a URL.
const video = await fetch(output.toString());
await writeFile("video.mp4", Buffer.from(await video.arrayBuffer()));
