// OpenAI's own SDK: only base URL and key are changed.
import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import test from "node:test";
import { setTimeout } from "node:timers/promises";

import OpenAI from "openai";

const { SITE, KEY, IMAGE } = process.env;
const client = new OpenAI({ baseURL: `${SITE}/v1`, apiKey: KEY });
const small = (changes = {}) => ({
  prompt: "the camera pans left",
  model: "camera",
  seconds: "1",
  size: "256x256",
  input_reference: createReadStream(IMAGE), // which is sent in chunks, without a length
  ...changes,
});

const assertVideo = async (response) => {
  const content = Buffer.from(await response.arrayBuffer());
  assert.equal(content.subarray(4, 8).toString(), "ftyp");
};

test("a video is generated from a stream, downloaded, remixed and deleted", async () => {
  let video = await client.videos.create(small());
  while (["queued", "in_progress"].includes(video.status)) {
    const { data, response } = await client.videos.retrieve(video.id).withResponse();
    await setTimeout(Number(response.headers.get("openai-poll-after-ms") ?? 0));
    video = data;
  }
  assert.deepEqual([video.status, video.seconds, video.remixed_from_video_id], ["completed", "1", null]);
  await assertVideo(await client.videos.downloadContent(video.id));
  const again = await client.videos.remix(video.id, { prompt: "the camera zooms out" });
  assert.equal(again.remixed_from_video_id, video.id);
  assert.ok((await client.videos.delete(video.id)).deleted);
});

test("a length lowers the default fps, and the user is ignored", async () => {
  const video = await client.videos.create(small({ seconds: "8", user: "customer-17" }));
  assert.equal(video.seconds, "8");
});

test("models", async () => {
  const ids = [];
  for await (const { id } of client.models.list()) ids.push(id);
  assert.deepEqual(ids, ["camera"]);
  assert.equal((await client.models.retrieve("camera")).id, "camera");
  await assert.rejects(client.models.retrieve("sora-9"), OpenAI.NotFoundError);
});

test("errors are those of the SDK", async () => {
  const error = await client.videos.create(small({ size: "9x9" })).catch((thrown) => thrown);
  assert.ok(error instanceof OpenAI.UnprocessableEntityError);
  assert.equal(error.param, "size");
  assert.ok(error.requestID);
});
