// fal's own client: requestMiddleware replaces the hosts, as the guide tells.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";

import { createFalClient } from "@fal-ai/client";

const { SITE, KEY, IMAGE } = process.env;
const MODEL = "mutoscope/camera";
let sent = [];

const fal = createFalClient({
  credentials: KEY,
  requestMiddleware: async (request) => ({
    ...request,
    url: request.url
      .replace("https://queue.fal.run", `${SITE}/fal/queue`)
      .replace("https://fal.run", `${SITE}/fal`)
      .replace("https://rest.fal.ai", `${SITE}/fal/rest`),
  }),
  fetch: (url, options) => {
    sent.push(`${options?.method ?? "GET"} ${new URL(url).pathname}`);
    return fetch(url, options);
  },
});

const image = new Blob([await readFile(IMAGE)], { type: "image/jpeg" });
const imageUrl = `data:image/jpeg;base64,${(await readFile(IMAGE)).toString("base64")}`;
const small = (changes = {}) => ({
  image_url: imageUrl,
  prompt: "the camera pans left",
  size: "256x256",
  num_frames: 8,
  ...changes,
});

const assertVideo = async ({ url }) => {
  const content = Buffer.from(await (await fetch(url)).arrayBuffer());
  assert.equal(content.subarray(4, 8).toString(), "ftyp");
};

test("run returns the video of an uploaded Blob", async () => {
  sent = [];
  const { data, requestId } = await fal.run(MODEL, { input: small({ image_url: image }) });
  await assertVideo(data.video);
  assert.match(requestId, /^vid_/);
  assert.equal(sent[0], "POST /fal/rest/storage/upload/initiate");
  assert.match(sent[1], /^PUT \/fal\/rest\/storage\/upload\/file_/);
});

test("an uploaded file is sent once", async () => {
  const url = await fal.storage.upload(image);
  await assertVideo((await fal.subscribe(MODEL, { input: small({ image_url: url }) })).data.video);
});

test("subscribe polls", async () => {
  const updates = [];
  const { data } = await fal.subscribe(MODEL, {
    input: small(),
    logs: true,
    onQueueUpdate: (update) => updates.push(update.status),
  });
  await assertVideo(data.video);
  assert.equal(updates.at(-1), "COMPLETED");
});

test("subscribe streams the status", async () => {
  const updates = [];
  sent = [];
  const { data } = await fal.subscribe(MODEL, {
    input: small(),
    mode: "streaming",
    logs: true,
    onQueueUpdate: (update) => updates.push(update),
  });
  await assertVideo(data.video);
  assert.equal(updates.at(-1).status, "COMPLETED");
  assert.match(updates.at(-1).logs.at(-1).message, /100%/);
  assert.equal(sent.filter((request) => request.endsWith("/status/stream")).length, 1);
});

test("streamStatus yields the states in order", async () => {
  const { request_id: requestId } = await fal.queue.submit(MODEL, { input: small() });
  const states = [];
  for await (const update of await fal.queue.streamStatus(MODEL, { requestId })) states.push(update.status);
  const order = ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"];
  assert.deepEqual(states, order.filter((state) => states.includes(state)));
  assert.equal(states.at(-1), "COMPLETED");
});

test("a length with a unit, and a name with more segments", async () => {
  const { data } = await fal.run("fal-ai/mutoscope/camera", { input: small({ num_frames: undefined, duration: "1s" }) });
  assert.equal(data.video.duration, 1);
});

test("errors of validation name the field", async () => {
  const error = await fal.run(MODEL, { input: small({ motion_bucket_id: 127 }) }).catch((thrown) => thrown);
  assert.equal(error.name, "ValidationError");
  assert.match(error.message, /motion_bucket_id: There is no such field/);
  const [detail] = error.getFieldErrors("motion_bucket_id");
  assert.deepEqual([detail.loc, detail.type], [["body", "motion_bucket_id"], "unknown_field"]);
  assert.ok(error.requestId);
});

test("other errors have a message and a request id", async () => {
  const error = await fal.run("fal-ai/svd", { input: small() }).catch((thrown) => thrown);
  assert.deepEqual([error.name, error.status], ["ApiError", 404]);
  assert.match(error.message, /'svd'/);
  assert.ok(error.requestId);
});
