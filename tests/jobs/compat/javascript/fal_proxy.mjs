// fal's own client, as in a browser: all requests go to a proxy that has the key.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";

import { createFalClient } from "@fal-ai/client";

const { PROXY, IMAGE } = process.env;

const fal = createFalClient({ proxyUrl: { url: PROXY, when: "always" } });

test("a video by way of the proxy", async () => {
  const image = new Blob([await readFile(IMAGE)], { type: "image/jpeg" });
  const input = { image_url: image, prompt: "the camera pans left", size: "256x256", num_frames: 8 };
  const { data } = await fal.subscribe("mutoscope/camera", { input });
  const content = Buffer.from(await (await fetch(data.video.url)).arrayBuffer());
  assert.equal(content.subarray(4, 8).toString(), "ftyp");
});

test("errors by way of the proxy", async () => {
  const error = await fal.run("mutoscope/camera", { input: { prompt: "no image" } }).catch((thrown) => thrown);
  assert.deepEqual([error.name, error.status], ["ValidationError", 422]);
  assert.ok(error.requestId);
});

test("other hosts are refused", async () => {
  const response = await fetch(PROXY, { headers: { "x-fal-target-url": "https://example.com/" } });
  assert.equal(response.status, 400);
});
