// The official Node client runs its videos resource against a simulator.
//   node videos.mjs BASE_URL IMAGE_1280x720
// Prints one JSON line of what it saw; any failed assertion ends it with 1. The client is found
// in the repository's node_modules, or in NODE_PATH.
import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";

const { OpenAI, toFile } = createRequire(import.meta.url)("openai");
const [baseURL, image] = process.argv.slice(2);
const sora = new OpenAI({ baseURL, apiKey: "sim-key", maxRetries: 0 });

const made = await sora.videos.create({
  model: "quick",
  prompt: "a calico cat",
  seconds: "4",
  size: "1280x720",
});
assert.equal(made.object, "video");
assert.equal(made.status, "queued");

let video = made;
while (["queued", "in_progress"].includes(video.status)) {
  await sleep(50);
  video = await sora.videos.retrieve(made.id);
}
assert.equal(video.status, "completed");

const sizes = {};
for (const variant of ["video", "thumbnail", "spritesheet"]) {
  const answer = await sora.videos.downloadContent(video.id, { variant });
  sizes[variant] = (await answer.arrayBuffer()).byteLength;
  assert.ok(sizes[variant] > 1000);
}

const withImage = await sora.videos.create({
  model: "sora-2",
  prompt: "a cat",
  size: "1280x720",
  // A bare stream has no media type, which the real service refuses too.
  input_reference: await toFile(createReadStream(image), "first.png", { type: "image/png" }),
});
const remix = await sora.videos.remix(video.id, { prompt: "a dog" });
assert.equal(remix.remixed_from_video_id, video.id);

const listed = [];
for await (const entry of sora.videos.list({ limit: 2 })) listed.push(entry.id);
assert.deepEqual(listed, [remix.id, withImage.id, video.id]);

const gone = await sora.videos.delete(video.id);
assert.equal(gone.deleted, true);
await assert.rejects(sora.videos.retrieve(video.id), (error) => error.status === 404);
await assert.rejects(
  sora.videos.create({ model: "sora-2", prompt: "a cat", seconds: "5" }),
  /Supported values are: '4', '8', and '12'/,
);

console.log(JSON.stringify({ id: video.id, sizes }));
