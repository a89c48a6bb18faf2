// Which browser tests use: the Chromium of node_modules, or one that this machine has.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const MODULES = fileURLToPath(new URL("../../node_modules", import.meta.url));
const PACKAGE = "@sparticuz/chromium";
// The machine's fonts, and one of the package's for a machine without any.
const FONTS = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir prefix="relative">fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
`;
// Arguments that loosen what a page may do, as those of the package do, stay away: tests rely on it.
const OPTIONS = { chromiumSandbox: false, args: ["--disable-dev-shm-usage"] };

/** Whether the package's Chromium is made for this machine. */
export const isBrought = process.platform === "linux" && process.arch === "x64";

/** A running browser: the package's, or one of the machine's. Throws an Error that says why none. */
export async function launch() {
  const brought = isBrought ? [() => unpacked(join(MODULES, ".cache"))] : [];
  const reasons = [];
  for (const choice of [...brought, ...installed()]) {
    try {
      return await chromium.launch({ ...OPTIONS, ...(await choice()) });
    } catch (error) {
      reasons.push(error.message.split("\n")[0]);
    }
  }
  throw new Error(`no browser runs here: ${reasons.join("; ")}`);
}

/** Where the package's Chromium is below `folder`, and the environment that it needs. */
export async function unpacked(folder) {
  const { version } = JSON.parse(await readFile(join(MODULES, PACKAGE, "package.json"), "utf8"));
  const home = join(folder, `chromium-${version}`);
  if (!existsSync(home)) await unpack(home);
  const libraries = [join(home, "al2023", "lib"), process.env.LD_LIBRARY_PATH];
  const env = {
    ...process.env,
    LD_LIBRARY_PATH: libraries.filter(Boolean).join(":"),
    FONTCONFIG_FILE: join(home, "fonts.conf"),
  };
  return { executablePath: join(home, "chromium"), env };
}

/** Of several that unpack at once, the first one's files are kept, and only when all are there. */
async function unpack(home) {
  await mkdir(join(home, ".."), { recursive: true });
  const partial = await mkdtemp(`${home}-`);
  // The package unpacks into the temporary folder, and its libraries only where it runs on Lambda.
  execFileSync(
    process.execPath,
    ["--input-type=module", "-e", `import it from "${PACKAGE}"; await it.executablePath();`],
    {
      cwd: MODULES,
      env: { ...process.env, TMPDIR: partial, AWS_EXECUTION_ENV: "AWS_Lambda_nodejs20.x" },
      stdio: ["ignore", "ignore", "inherit"],
    },
  );
  await writeFile(join(partial, "fonts.conf"), FONTS);
  try {
    await rename(partial, home);
  } catch (error) {
    await rm(partial, { recursive: true });
    if (!existsSync(home)) throw error;
  }
}

/** What Playwright is to start, of the browsers that people install. */
function installed() {
  const folders = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  const found = ["chromium", "chromium-browser"]
    .flatMap((name) => folders.map((folder) => join(folder, name)))
    .filter((path) => existsSync(path));
  return [
    ...found.map((executablePath) => () => ({ executablePath })),
    ...["chrome", "msedge"].map((channel) => () => ({ channel })),
  ];
}
