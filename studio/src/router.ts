// Where the page is, from the part behind `#`: it is never sent, so no id gets into a log.

import { signal } from "@preact/signals";

function read(): string[] {
  try {
    return location.hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);
  } catch {
    return ["?"]; // such as #%: no room has that name
  }
}

/** The steps of the path: `#/videos/ID` is `["videos", ID]`, and the first room is `[]`. */
export const path = signal(read());

export function startRouter(): void {
  path.value = read(); // a sign-in has just replaced what Entra's page had put there
  addEventListener("hashchange", () => {
    path.value = read();
    scrollTo(0, 0);
  });
}

export const link = (...steps: string[]): string => `#/${steps.map(encodeURIComponent).join("/")}`;

export function go(...steps: string[]): void {
  location.hash = link(...steps);
}
