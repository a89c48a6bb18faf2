// Whether the app can be reached, and when it is tried again: 1, 2, 4 ... 30 seconds, and at once
// when the browser says that something has changed.

import { signal } from "@preact/signals";
import { ApiError, sameSession } from "../api/client";

const LONGEST = 30;

/** Seconds (by performance.now) of the next try while the connection is lost; null while it holds. */
export const lostUntil = signal<number | null>(null);
/** Whether it came back just now. */
export const restored = signal(false);

let failures = 0;
let pausing: Promise<void> | null = null;
let wake = (): void => {};

export function reached(): void {
  if (lostUntil.value !== null) {
    restored.value = true;
    setTimeout(() => (restored.value = false), 4000);
  }
  failures = 0;
  lostUntil.value = null;
}

/** Wait for the next try after a failure; other errors are not about the connection. */
export async function backOff(error: unknown): Promise<void> {
  if (!(error instanceof ApiError) || !error.passing) throw error;
  // what fails together waits together
  pausing ??= pause(error.retryAfter ?? 2 ** failures++).finally(() => (pausing = null));
  await pausing;
}

function pause(seconds: number): Promise<void> {
  const spread = Math.min(LONGEST, seconds) * (0.8 + Math.random() * 0.4);
  lostUntil.value = performance.now() / 1000 + spread;
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, spread * 1000);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}

/** Try now whatever waits. */
export const tryNow = (): void => wake();

/** Nothing is tried any more: who asked has left. */
export function giveUp(): void {
  failures = 0;
  lostUntil.value = null;
  wake();
}

/** Repeat a request until the app answers. Throws what it answers with, and a 401 when the caller
 * leaves: a repeat in the next one's name would be theirs. */
export async function persist<T>(work: () => Promise<T>): Promise<T> {
  const check = sameSession();
  for (;;) {
    check();
    try {
      const value = await work();
      reached();
      return value;
    } catch (error) {
      if (error instanceof ApiError && !error.passing) reached();
      await backOff(error);
    }
  }
}

export function watchConnection(): void {
  addEventListener("online", tryNow);
  addEventListener("pageshow", tryNow);
  document.addEventListener("visibilitychange", () => document.hidden || tryNow());
}
