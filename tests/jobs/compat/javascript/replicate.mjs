// Replicate's own SDK: only base URL and token are changed.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";

import Replicate from "replicate";

const { SITE, KEY, IMAGE } = process.env;
const MODEL = "mutoscope/camera";
const replicate = new Replicate({ auth: KEY, baseUrl: `${SITE}/replicate/v1` });
const bytes = await readFile(IMAGE);
const small = (changes = {}) => ({ prompt: "the camera pans left", size: "256x256", num_frames: 8, ...changes });

const assertVideo = async (output) => {
  const content = Buffer.from(await (await output.blob()).arrayBuffer());
  assert.equal(content.subarray(4, 8).toString(), "ftyp");
};

test("run with a Buffer", async () => {
  await assertVideo(await replicate.run(MODEL, { input: small({ image: bytes }) }));
});

test("run with a Blob", async () => {
  const states = [];
  const image = new Blob([bytes], { type: "image/jpeg" });
  const onProgress = (prediction) => states.push(prediction.status);
  await assertVideo(await replicate.run(MODEL, { input: small({ image }), wait: { mode: "poll" } }, onProgress));
  assert.equal(states.at(-1), "succeeded");
});

test("run with a data URI", async () => {
  const image = `data:image/jpeg;base64,${bytes.toString("base64")}`;
  await assertVideo(await replicate.run(MODEL, { input: small({ image }) }));
});

test("files keep any metadata", async () => {
  const metadata = { order: 17, tags: ["cat", null], nested: { deep: true } };
  const file = await replicate.files.create(bytes, metadata);
  assert.equal(file.size, bytes.length);
  assert.deepEqual(file.metadata, metadata);
  assert.deepEqual(await replicate.files.get(file.id), file);
  assert.ok((await replicate.files.list()).results.some(({ id }) => id === file.id));
  assert.ok(await replicate.files.delete(file.id));
});

test("predictions have a source, and size wins over other shapes", async () => {
  const image = `data:image/jpeg;base64,${bytes.toString("base64")}`;
  const input = small({ image, aspect_ratio: "16:9", resolution: "512p" });
  const prediction = await replicate.predictions.create({ model: MODEL, input });
  assert.deepEqual([prediction.source, prediction.input.size], ["api", "256x256"]);
  assert.equal((await replicate.predictions.cancel(prediction.id)).id, prediction.id);
});

test("errors are those of the SDK", async () => {
  const error = await replicate.predictions.create({ model: MODEL, input: small() }).catch((thrown) => thrown);
  assert.deepEqual([error.name, error.response.status], ["ApiError", 422]);
});
