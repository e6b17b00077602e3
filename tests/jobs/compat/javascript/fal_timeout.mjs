// fal's own client, at a site without workers that waits for a moment only.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";

import { createFalClient } from "@fal-ai/client";

const { SITE, KEY, IMAGE } = process.env;
let requests = 0;

const fal = createFalClient({
  credentials: KEY,
  requestMiddleware: async (request) => ({ ...request, url: request.url.replace("https://fal.run", `${SITE}/fal`) }),
  fetch: (url, options) => {
    requests += 1;
    return fetch(url, options);
  },
});

test("run is not repeated, and a repeat joins the running request", async () => {
  const input = {
    image_url: `data:image/jpeg;base64,${(await readFile(IMAGE)).toString("base64")}`,
    prompt: "the camera pans left",
    size: "256x256",
  };
  const error = await fal.run("mutoscope/camera", { input }).catch((thrown) => thrown);
  assert.deepEqual([error.status, error.isUserTimeout, requests], [504, true, 1]);
  assert.match(error.requestId, /^vid_/);
  const repeated = await fal.run("mutoscope/camera", { input }).catch((thrown) => thrown);
  assert.equal(repeated.requestId, error.requestId);
});
