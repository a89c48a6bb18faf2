// The form as a request to copy. The key is always a placeholder.

import { BASE } from "../../api/client";
import type { Fields } from "./form";

export type Language = "curl" | "python" | "node" | "event";

const KNOWN = new Set(["model", "prompt", "size", "seconds"]);

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

export function snippet(language: Language, body: Fields, image: string | null): string {
  switch (language) {
    case "curl":
      return curl(body, image);
    case "python":
      return python(body, image);
    case "node":
      return node(body, image);
    case "event":
      return event(body);
  }
}

const api = (): string => location.origin + BASE;

function curl(body: Fields, image: string | null): string {
  const lines = [`curl ${api()}/videos`, `-H "Authorization: Bearer $KEY"`];
  lines.push(`-H "Idempotency-Key: $(uuidgen)"`);
  if (image) {
    for (const [name, value] of Object.entries(body)) lines.push(`--form-string ${quoted(`${name}=${value}`)}`);
    // in quotes of its own: curl gives ; and , in a name a meaning
    const name = `"${image.replace(/["\\]/g, "\\$&")}"`;
    lines.push(`-F ${quoted(`input_reference=@${name}`)}`);
  } else {
    lines.push(`-H 'Content-Type: application/json'`, `-d ${quoted(JSON.stringify(body))}`);
  }
  return lines.join(" \\\n  ");
}

/** The fields that OpenAI's clients know, and those that they pass on. */
function parted(body: Fields): [[string, unknown][], Record<string, unknown>] {
  const entries = Object.entries(body);
  return [
    entries.filter(([name]) => KNOWN.has(name)),
    Object.fromEntries(entries.filter(([name]) => !KNOWN.has(name))),
  ];
}

/** A value as Python writes it: strings of JSON are strings of Python, too. */
function pythonic(value: unknown): string {
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${pythonic(each)}`);
  return `{${members.join(", ")}}`;
}

function python(body: Fields, image: string | null): string {
  const [known, extra] = parted(body);
  const given = known.map(([name, value]) => `    ${name}=${pythonic(value)},`);
  if (image) given.push(`    input_reference=open(${pythonic(image)}, "rb"),`);
  if (Object.keys(extra).length) given.push(`    extra_body=${pythonic(extra)},`);
  return [
    "from openai import OpenAI",
    "",
    `client = OpenAI(base_url="${api()}", api_key=KEY)`,
    "video = client.videos.create_and_poll(",
    ...given,
    ")",
    'client.videos.download_content(video.id).write_to_file("video.mp4")',
  ].join("\n");
}

function node(body: Fields, image: string | null): string {
  const [known, extra] = parted(body);
  const given = [...known, ...Object.entries(extra)].map(
    ([name, value]) => `  ${name}: ${JSON.stringify(value)},`,
  );
  if (image) given.push(`  input_reference: fs.createReadStream(${JSON.stringify(image)}),`);
  return [
    'import fs from "node:fs";',
    'import OpenAI from "openai";',
    "",
    `const client = new OpenAI({ baseURL: "${api()}", apiKey: KEY });`,
    "let video = await client.videos.create({",
    ...given,
    "});",
    'while (["queued", "in_progress"].includes(video.status)) {',
    "  await new Promise((again) => setTimeout(again, 2000));",
    "  video = await client.videos.retrieve(video.id);",
    "}",
    "const film = await client.videos.downloadContent(video.id);",
    'fs.writeFileSync("video.mp4", Buffer.from(await film.arrayBuffer()));',
  ].join("\n");
}

function event(body: Fields): string {
  const published = {
    specversion: "1.0",
    id: "a-new-id-for-each-video",
    source: "/my/app",
    type: "DurableVideo.VideoRequested",
    data: body,
  };
  return JSON.stringify(published, null, 2);
}
