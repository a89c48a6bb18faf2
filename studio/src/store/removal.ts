// Deleting, with a way back: a video is gone from every room at once, and from the app some seconds
// later. Whoever closes the page has made up their mind: then it is deleted at once.

import { computed, effect, signal } from "@preact/signals";
import { ApiError } from "../api/client";
import type { Video } from "../api/types";
import { persist } from "./connection";
import { loadMonth } from "./money";
import { isNobody, ofCaller } from "./session";
import { forget, remove } from "./videos";

/** Seconds in which a deletion can be undone. */
export const UNDO_SECONDS = 8;

export interface Removal {
  video: Video;
  /** Seconds left; none: it is being deleted now. */
  left: number;
  /** Why it was not deleted; the video is back. */
  problem: string | null;
}

/** The deletions that are shown, the latest last. */
export const removals = ofCaller<readonly Removal[]>([]);
/** Set while somebody reads or reaches for the way back. */
export const held = signal(false);

const going = computed(() => new Set(removals.value.filter((each) => !each.problem).map((each) => each.video.id)));

/** Whether a video is as good as deleted. Whoever asks while it is drawn is drawn again. */
export const isGoing = (id: string): boolean => going.value.has(id);

export function removeSoon(video: Video): void {
  if (isGoing(video.id)) return;
  removals.value = [...without(video.id), { video, left: UNDO_SECONDS, problem: null }];
}

/** The way back; the latest one where none is named. */
export function undo(id?: string): void {
  const found = removals.value.findLast((each) => each.left > 0 && !each.problem && (id ?? each.video.id) === each.video.id);
  if (found) removals.value = without(found.video.id);
}

export const dismiss = (id: string): void => void (removals.value = without(id));

const without = (id: string): readonly Removal[] => removals.value.filter((each) => each.video.id !== id);

function change(id: string, to: Partial<Removal>): void {
  removals.value = removals.value.map((each) => (each.video.id === id ? { ...each, ...to } : each));
}

function count(): void {
  if (held.value) return;
  for (const { video, left } of removals.value) {
    if (left <= 0) continue;
    change(video.id, { left: left - 1 });
    if (left === 1) void carryOut(video);
  }
}

async function carryOut(video: Video): Promise<void> {
  try {
    await persist(() => remove(video.id));
    void loadMonth();
  } catch (error) {
    if (isNobody(error)) return;
    if (!(error instanceof ApiError)) throw error;
    if (error.status !== 404) {
      change(video.id, { problem: error.message });
      return;
    }
    forget(video.id); // an earlier try has done it
  }
  dismiss(video.id);
}

let timer = 0;

effect(() => {
  const waiting = removals.value.some((each) => each.left > 0);
  if (waiting && !timer) timer = window.setInterval(count, 1000);
  if (!waiting) {
    clearInterval(timer);
    timer = 0;
  }
});

/** Without a way back: whoever leaves has made up their mind. It resolves once all are gone. */
export async function removeNow(): Promise<void> {
  const due = removals.peek().filter(({ left, problem }) => left > 0 && !problem);
  const asked = due.map(({ video }) => remove(video.id, { keepalive: true }).catch(() => {})); // nobody is left to be told
  for (const { video } of due) dismiss(video.id);
  await Promise.all(asked);
}

addEventListener("pagehide", () => void removeNow());
