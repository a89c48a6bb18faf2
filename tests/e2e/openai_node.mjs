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

const listed = [];
for await (const video of openai.videos.list({ limit: 2 })) listed.push(video.id);

const stream = fs.createReadStream(path.join(folder, "frame.png"));
const errors = {
  stream: await refused(() => openai.videos.create({ prompt: "a fox", input_reference: stream })),
  size: await refused(() => openai.videos.create({ prompt: "a fox", size: "640x480" })),
  missing: await refused(() => openai.videos.retrieve("video_nothing")),
  key: await refused(() => new OpenAI({ baseURL, apiKey: "wrong" }).videos.list()),
  cancelled: await refused(() => openai.post(`/videos/${source.id}/cancel`)),
};
const deleted = await openai.videos.delete(source.id);
errors.deleted = await refused(() => openai.videos.retrieve(source.id));

console.log(JSON.stringify({ made, source, remix, variants, listed, errors, deleted }));
