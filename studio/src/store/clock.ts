// The server's time, for countdowns: this machine's clock may be wrong by minutes.

import { signal } from "@preact/signals";

let skew = 0;

/** Learn the server's time from an answer. */
export function heard(headers: Headers): void {
  const date = Date.parse(headers.get("date") ?? "");
  if (Number.isNaN(date)) return;
  // the header has whole seconds: half of one on average is missing. What that explains is not
  // followed, or a countdown would jump to and fro.
  const found = (date + 500 - Date.now()) / 1000;
  if (Math.abs(found - skew) > 1) skew = found;
}

/** Unix seconds by the server's clock. */
export const serverNow = (): number => Date.now() / 1000 + skew;

/** The same, and whoever reads it is drawn again each second while the page is seen. */
export const now = signal(serverNow());

export function startClock(): void {
  setInterval(() => {
    if (!document.hidden) now.value = serverNow();
  }, 1000);
}
