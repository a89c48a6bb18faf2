// Bundles the studio: hashed names, precompressed, and put in place all at once, because a host may
// be serving the old ones. Prints what a browser has to fetch, compressed.

import { build } from "esbuild";
import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

const HERE = dirname(fileURLToPath(import.meta.url));
const TARGET = join(HERE, "..", "triggers", "web", "studio");
const COMMON = {
  absWorkingDir: HERE,
  preserveSymlinks: true, // names must not depend on where node_modules is
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022", "safari16"],
  legalComments: "none",
  write: false,
  metafile: true,
  logLevel: "warning",
};

/** What esbuild made: names and contents. */
async function bundled(options) {
  const { outputFiles, metafile } = await build({ ...COMMON, outdir: "/", ...options });
  const made = outputFiles.map(({ path, contents }) => [path.slice(1), Buffer.from(contents)]);
  return { made, parts: Object.entries(metafile.outputs).map(([path, part]) => [bare(path), part]) };
}

const bare = (path) => path.split("/").at(-1);

/** What a part imports at once, and what that imports. */
function imported(name, parts, found = new Set()) {
  for (const { path, kind } of new Map(parts).get(name)?.imports ?? []) {
    if (kind === "import-statement" && !found.has(bare(path))) {
      found.add(bare(path));
      imported(bare(path), parts, found);
    }
  }
  return found;
}

function hashed(name, content) {
  const [stem, extension] = name.split(".");
  const digest = createHash("sha256").update(content).digest("hex").slice(0, 10);
  return `${stem}-${digest}.${extension}`;
}

const scripts = await bundled({
  entryPoints: ["src/main.tsx"],
  splitting: true,
  jsx: "automatic",
  jsxImportSource: "preact",
  entryNames: "[name]-[hash]",
  chunkNames: "part-[hash]",
});
const styles = await bundled({ entryPoints: ["src/styles/main.css"], entryNames: "[name]-[hash]" });
const worker = await bundled({ entryPoints: ["src/media/worker.ts"], entryNames: "worker" });
const icon = await readFile(join(HERE, "src", "icon.svg"));

const files = new Map([scripts, styles, worker].flatMap((each) => each.made));
const iconName = hashed("icon.svg", icon);
files.set(iconName, icon);
const named = (pattern) => [...files.keys()].find((name) => pattern.test(name));
const main = named(/^main-.*\.js$/);
// the first room is fetched beside the script that asks for it
const [first] = scripts.parts.find(([, part]) => part.entryPoint?.endsWith("rooms/make/room.tsx"));
const early = new Set([...imported(main, scripts.parts), first, ...imported(first, scripts.parts)]);
const preloads = [...early].map((name) => `<link rel="modulepreload" href="/studio/${name}">`);
const page = (await readFile(join(HERE, "src", "index.html"), "utf8"))
  .replaceAll("{{script}}", main)
  .replaceAll("{{styles}}", named(/^main-.*\.css$/))
  .replaceAll("{{icon}}", iconName)
  .replaceAll("{{preloads}}", preloads.join("\n"));
files.set("index.html", Buffer.from(page));

await mkdir(dirname(TARGET), { recursive: true });
const made = await mkdtemp(`${TARGET}-`);
let total = 0;
for (const [name, content] of files) {
  const gz = await promisify(gzip)(content, { level: 9 });
  const br = await promisify(brotliCompress)(content, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11 },
  });
  total += gz.length;
  await writeFile(join(made, name), content);
  await writeFile(join(made, `${name}.gz`), gz);
  await writeFile(join(made, `${name}.br`), br);
}
await chmod(made, 0o755); // mkdtemp lets nobody else in
const old = `${made}-old`;
await rename(TARGET, old).catch(() => {});
await rename(made, TARGET);
await rm(old, { recursive: true, force: true });
for (const left of await readdir(dirname(TARGET))) {
  // of a build that was killed
  if (/^studio-\w+(-old)?$/.test(left)) await rm(join(dirname(TARGET), left), { recursive: true, force: true });
}
console.log(`studio: ${files.size} files, ${Math.ceil(total / 1000)} kB compressed`);
