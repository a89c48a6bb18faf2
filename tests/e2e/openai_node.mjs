// OpenAI's Node client through one whole life of videos. Reads BASE_URL, API_KEY and FOLDER (where
// `frame.png` and `last.png` lie and downloads go) from the environment; prints what it saw as one JSON object.
import fs from "node:fs";
import path from "node:path";
import OpenAI, { toFile } from "openai";

const { BASE_URL: baseURL, API_KEY: apiKey, FOLDER: folder } = process.env;
let requests = 0;
const counted = (url, init) => {
  requests += 1;
  return fetch(url, init);
};
const openai = new OpenAI({ baseURL, apiKey, fetch: counted });

// with its length known: a stream is sent in chunks, which Azure's host does not hand over
const file = (name) => toFile(fs.readFileSync(path.join(folder, name)), name);

// the package has no poll helper
async function ended(id) {
  for (;;) {
    const { data, response } = await openai.videos.retrieve(id).withResponse();
    if (!["queued", "in_progress"].includes(data.status)) return data;
    const advised = Number(response.headers.get("openai-poll-after-ms"));
    if (!(advised >= 1000 && advised <= 5000)) throw new Error(`poll after ${advised} ms?`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

async function download(id, query, name) {
  const answer = await openai.videos.downloadContent(id, query);
  fs.writeFileSync(path.join(folder, name), Buffer.from(await answer.arrayBuffer()));
}

async function refused(call) {
  const before = requests;
  try {
    await call();
  } catch (error) {
    const { status, code, param, type } = error;
    const kind = error.constructor.name;
    const asked = requests - before;
    return { kind, status, code, param, type, body: error.error, requestID: error.requestID, asked };
  }
  return null;
}

const made = await openai.videos.create({
  model: "sora-2",
  prompt: "a fox in the snow",
  seconds: "8",
  size: "1280x720",
  input_reference: await file("frame.png"),
  metadata: { order: "17", for: "a friend" },
  fit: "contain",
});
const source = await ended(made.id);
await download(source.id, {}, "video.mp4");
await download(source.id, { variant: "thumbnail" }, "thumbnail.webp");
await download(source.id, { variant: "spritesheet" }, "spritesheet.jpg");

const remix = await ended((await openai.videos.remix(source.id, { prompt: "in the rain" })).id);

// two files: the client names their parts `files[]`
const items = [
  { frame_index: 0, type: "image", file_name: "frame.png" },
  { frame_index: 40, type: "image", file_name: "last.png" },
];
const variants = await ended(
  (
    await openai.videos.create({
      model: "sora",
      prompt: "a fox",
      seconds: "5",
      size: "480x480",
      n_variants: 2,
      inpaint_items: JSON.stringify(items),
      files: await Promise.all(items.map((item) => file(item.file_name))),
    })
  ).id,
);
for (const { index } of variants.outputs) {
  const answer = await openai.videos.downloadContent(variants.id, {}, { query: { index } });
  const data = Buffer.from(await answer.arrayBuffer());
  fs.writeFileSync(path.join(folder, `variant-${index}.mp4`), data);
}

// an image that is uploaded first, and what the client knows of it
const image = await openai.files.create({ file: await file("frame.png"), purpose: "vision" });
const uploads = [];
for await (const each of openai.files.list({ limit: 1, purpose: "vision" })) uploads.push(each.id);
const bytes = await (await openai.files.content(image.id)).arrayBuffer();
fs.writeFileSync(path.join(folder, "again.png"), Buffer.from(bytes));
const started = await openai.videos.create({
  prompt: "a fox",
  input_reference: { file_id: image.id },
});
await ended(started.id);
const files = { image, uploads, started, deleted: await openai.files.delete(image.id) };

// a batch of two lines, from its file to its results
const lines = ["fox-1", "fox-2"].map((custom_id) =>
  JSON.stringify({ custom_id, method: "POST", url: "/v1/videos", body: { prompt: custom_id } }),
);
const input = await openai.files.create({
  file: await toFile(Buffer.from(lines.join("\n")), "film.jsonl"),
  purpose: "batch",
});
let batch = await openai.batches.create({
  input_file_id: input.id,
  endpoint: "/v1/videos",
  completion_window: "24h",
  budget_usd: "5.00",
});
const ordered = batch;
while (["validating", "in_progress", "finalizing"].includes(batch.status)) {
  await new Promise((done) => setTimeout(done, 100));
  batch = await openai.batches.retrieve(batch.id);
}
const results = (await (await openai.files.content(batch.output_file_id)).text()).trim();
const batches = { ordered, batch, results: results.split("\n").map(JSON.parse), listed: [] };
for await (const each of openai.batches.list({ limit: 1 })) batches.listed.push(each.id);

const listed = [];
for await (const video of openai.videos.list({ limit: 2 })) listed.push(video.id);

const stream = fs.createReadStream(path.join(folder, "frame.png"));
const errors = {
  stream: await refused(() => openai.videos.create({ prompt: "a fox", input_reference: stream })),
  size: await refused(() => openai.videos.create({ prompt: "a fox", size: "640x480" })),
  missing: await refused(() => openai.videos.retrieve("video_nothing")),
  key: await refused(() => new OpenAI({ baseURL, apiKey: "wrong" }).videos.list()),
  cancelled: await refused(() => openai.post(`/videos/${source.id}/cancel`)),
  batch: await refused(() => openai.batches.cancel(batch.id)),
};
const deleted = await openai.videos.delete(source.id);
errors.deleted = await refused(() => openai.videos.retrieve(source.id));

console.log(JSON.stringify({ made, source, remix, variants, files, batches, listed, errors, deleted }));
