// Drives one page for tests/support/browser.py: a line of JSON in is one call of Playwright's Page,
// a line out is its value or error, with what the page complained about since. The browser ends with
// its input.

import { createInterface } from "node:readline";
import { stripVTControlCharacters } from "node:util";
import { isBrought, launch } from "./chromium.mjs";

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

/** A value that JSON can carry: what happens in the page stays there. */
async function plain(result) {
  const isData = result === null || typeof result !== "object" || Array.isArray(result);
  return isData || Object.getPrototypeOf(result) === Object.prototype ? result : null;
}

const browser = await launch().catch((error) => {
  if (isBrought) throw error;
  say({ missing: error.message });
});
if (browser) {
  const page = await browser.newPage({ strictSelectors: true });
  const problems = [];
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("crash", () => problems.push("the page has crashed"));
  say({ value: null, problems: [] });

  const calls = createInterface({ input: process.stdin });
  calls.on("close", () => browser.close()); // also while a call waits
  for await (const line of calls) {
    const { method, args } = JSON.parse(line);
    let answer;
    try {
      answer = { value: (await plain(await page[method](...args))) ?? null };
    } catch (error) {
      answer = { error: stripVTControlCharacters(error.message) };
    }
    say({ ...answer, problems: problems.splice(0) });
  }
}
