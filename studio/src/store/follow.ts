// What is unfinished, kept up to date until it ends: the first ones one by one, each second or two,
// and what is behind them by lists, now and then. A caller may have hundreds.

import { computed, signal } from "@preact/signals";
import { ApiError, get } from "../api/client";
import type { Page, Video } from "../api/types";
import { persist } from "./connection";
import { isNobody, signedIn } from "./session";
import { learn, loadMore, look, unfinished, videos } from "./videos";

/** Videos that are shown one by one. */
const FIRST = 12;
/** Unfinished or new videos that are read at all. */
const MOST = 1000;
const AT_ONCE = 4;
const PAGE = 100;
const NEWEST = 20;
/** Seconds. */
const UNSEEN_EVERY = 20;
const LISTED_EVERY = 15;

/** Whether there are more unfinished videos than were read. */
export const beyond = signal(false);

const rank = (video: Video): number =>
  video.estimated_completion_at ?? (video.status === "in_progress" ? 0 : Infinity);

/** The unfinished videos: newest first while they are few, else those that end next. */
export const line = computed(() => {
  const all = unfinished.value;
  if (all.length <= FIRST) return { first: all, rest: [] };
  const sorted = [...all].sort((one, other) => rank(one) - rank(other) || (one.id < other.id ? -1 : 1));
  return { first: sorted.slice(0, FIRST), rest: sorted.slice(FIRST) };
});

let running = 0;
/** The newest video of the last list: whatever is older is in the store, or on the pages to come. */
let newest = "";

/** Look at what is unfinished until the caller leaves. */
export async function follow(): Promise<void> {
  const turn = ++running;
  const mine = (): boolean => turn === running && signedIn.value;
  await quietly(loadMore);
  newest = videos.peek()[0]?.id ?? "";
  await quietly(listUnfinished);
  let listed = performance.now();
  while (mine()) {
    const { first, rest } = line.value;
    await quietly(() => lookAt(first, mine));
    if (mine()) await pause(Math.max(1, first.length / AT_ONCE));
    if (!mine() || performance.now() - listed < LISTED_EVERY * 1000) continue;
    await quietly(listNewest);
    if (rest.length) await quietly(listUnfinished);
    listed = performance.now();
  }
}

export function stopFollowing(): void {
  running += 1;
  beyond.value = false;
}

const page = (query: string): Promise<Page<Video>> => get<Page<Video>>(`/videos${query}`);

async function lookAt(some: Video[], mine: () => boolean): Promise<void> {
  for (let start = 0; start < some.length && mine(); start += AT_ONCE) {
    await Promise.all(some.slice(start, start + AT_ONCE).map(({ id }) => look(id)));
  }
}

/** What another tab or program has begun meanwhile: back to what was known before, however long this
 * page has slept. */
async function listNewest(): Promise<void> {
  const found: Video[] = [];
  let read = await persist(() => page(`?limit=${NEWEST}`));
  found.push(...read.data);
  while (read.has_more && (read.last_id ?? "") > newest && found.length < MOST) {
    const after = read.last_id;
    read = await persist(() => page(`?limit=${PAGE}&after=${after}`));
    found.push(...read.data);
  }
  learn(...found);
  newest = found[0]?.id ?? newest;
}

/** Everything unfinished: first what is being made, which ends first and is never very much. */
async function listUnfinished(): Promise<void> {
  const found = new Map<string, Video>();
  let whole = true;
  for (const status of ["in_progress", "queued"]) {
    let after = "";
    let read: Page<Video>;
    do {
      read = await persist(() => page(`?limit=${PAGE}&status=${status}${after}`));
      for (const each of read.data) found.set(each.id, each);
      after = `&after=${read.last_id}`;
    } while (read.has_more && found.size < MOST);
    whole &&= !read.has_more;
  }
  learn(...found.values());
  beyond.value = !whole;
  const gone = whole ? unfinished.value.filter((each) => !found.has(each.id)) : [];
  await lookAt(gone, () => signedIn.value);
}

/** Nobody asked for these requests, so what the API refuses is only tried again in the next round. */
async function quietly(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isNobody(error) && !(error instanceof ApiError)) throw error;
  }
}

/** Until the next round; sooner when the page is seen again. */
function pause(seen: number): Promise<void> {
  const seconds = document.hidden ? UNSEEN_EVERY : seen;
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", done);
      resolve();
    };
    const timer = setTimeout(done, seconds * 1000);
    document.addEventListener("visibilitychange", done);
  });
}
