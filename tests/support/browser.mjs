// Drives a browser for tests/support/browser.py: a line of JSON in is one call of Playwright's Page,
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

const pages = new Map(); // by number: a page, and what it complained about

async function open(number, context) {
  const page = await context.newPage();
  page.setDefaultTimeout(90_000); // of a machine that may be busy
  const problems = [];
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("crash", () => problems.push("the page has crashed"));
  pages.set(number, { page, problems });
}

/** What is no call of a page: a page in a browser without any past, one more tab, the end. */
const OWN = {
  fresh: async (number, options) =>
    open(number, await browser.newContext({ strictSelectors: true, ...options })),
  tab: async (number, of) => open(number, pages.get(of).page.context()),
  end: async (number) => {
    const { page } = pages.get(number);
    pages.delete(number);
    const shared = [...pages.values()].some((each) => each.page.context() === page.context());
    await (shared ? page.close() : page.context().close());
  },
};

/** A method of the page, or of a part: `keyboard.press`, `context.setOffline`. */
function bound(page, method) {
  const [name, of] = method.split(".").reverse();
  const part = of ? page[of] : page;
  const owner = typeof part === "function" ? part.call(page) : part;
  return owner[name].bind(owner);
}

const browser = await launch().catch((error) => {
  if (isBrought) throw error;
  say({ missing: error.message });
});
if (browser) {
  say({ value: null, problems: [] });
  const calls = createInterface({ input: process.stdin });
  calls.on("close", () => browser.close()); // also while a call waits
  for await (const line of calls) {
    const { method, args, number } = JSON.parse(line);
    let answer;
    try {
      const own = Object.hasOwn(OWN, method);
      const result = own
        ? await OWN[method](number, ...args)
        : await bound(pages.get(number).page, method)(...args);
      answer = { value: (await plain(result)) ?? null };
    } catch (error) {
      answer = { error: stripVTControlCharacters(error.message) };
    }
    say({ ...answer, problems: pages.get(number)?.problems.splice(0) ?? [] });
  }
}
