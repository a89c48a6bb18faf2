// The videos that this tab knows; every room reads them here. What is unfinished is kept up to date by
// follow.ts.

import { computed, signal } from "@preact/signals";
import { ApiError, get, send } from "../api/client";
import type { Page, Video } from "../api/types";
import { persist } from "./connection";
import { isNobody } from "./session";

const PAGE = 40;

const known = signal<ReadonlyMap<string, Video>>(new Map());
const more = signal(true);
/** Whether the first page has been read. */
export const loaded = signal(false);

export const isUnfinished = (video: Video): boolean =>
  video.status === "queued" || video.status === "in_progress";

/** All known videos, newest first: ids are ordered by time. */
export const videos = computed(() =>
  [...known.value.values()].sort((one, other) => (one.id < other.id ? 1 : -1)),
);
export const unfinished = computed(() => videos.value.filter(isUnfinished));
export const ended = computed(() => videos.value.filter((each) => !isUnfinished(each)));
export const hasMore = computed(() => more.value);

export function videoById(id: string): Video | undefined {
  return known.value.get(id);
}

/** Take videos over as they are now. An answer may have been overtaken: what has ended stays ended,
 * unless it turned up after all. */
export function learn(...seen: Video[]): void {
  if (!seen.length) return;
  const next = new Map(known.value);
  for (const each of seen) {
    const before = next.get(each.id);
    if (!before || isUnfinished(before) || !isUnfinished(each)) next.set(each.id, each);
  }
  known.value = next;
}

export function forget(id: string): void {
  const next = new Map(known.value);
  next.delete(id);
  known.value = next;
}

const page = (query: string, limit = PAGE): Promise<Page<Video>> =>
  get<Page<Video>>(`/videos?limit=${limit}${query}`);

let last: string | null = null;
let reading: Promise<void> | null = null;

/** The next page of older videos, into the store. */
export function loadMore(limit = PAGE): Promise<void> {
  reading ??= (async () => {
    const read = await persist(() => page(last ? `&after=${last}` : "", limit));
    learn(...read.data);
    last = read.last_id ?? last;
    more.value = read.has_more;
    loaded.value = true;
  })()
    .catch((error: unknown) => {
      if (!isNobody(error)) throw error;
    })
    .finally(() => {
      reading = null;
    });
  return reading;
}

export async function look(id: string): Promise<Video | null> {
  try {
    const video = await persist(() => get<Video>(`/videos/${id}`));
    learn(video);
    return video;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) {
      forget(id);
      return null;
    }
    throw error;
  }
}

export async function cancel(id: string): Promise<void> {
  learn((await send<Video>("POST", `/videos/${id}/cancel`)).data);
}

/** Delete it; `keepalive` lets the request outlive the page. */
export async function remove(id: string, call: { keepalive?: boolean } = {}): Promise<void> {
  await send("DELETE", `/videos/${id}`, call);
  forget(id);
}

export function forgetAll(): void {
  known.value = new Map();
  more.value = true;
  loaded.value = false;
  last = null;
}
