// Pictures that were fetched or drawn: in the browser's cache by content, and their URLs in memory, so
// that scrolling back shows them at once. Both are forgotten when the caller leaves.

import { effect } from "@preact/signals";
import { signedIn } from "../store/session";

const CACHE = "durable-video.posters";
const MOST = 400;

const urls = new Map<string, string>();

effect(() => {
  if (signedIn.value) return;
  for (const url of urls.values()) URL.revokeObjectURL(url);
  urls.clear();
});

/** The URL of a picture that is at hand. */
export function pictureUrl(name: string): string | null {
  const url = urls.get(name);
  if (url === undefined) return null;
  urls.delete(name); // to the end: the ones used last are kept
  urls.set(name, url);
  return url;
}

/** The URL of a picture, made with `make` where it is not kept. */
export async function keptPicture(name: string, make: () => Promise<Blob>): Promise<string> {
  const cache = await globalThis.caches?.open(CACHE).catch(() => undefined);
  const path = `/studio/${name}`;
  const kept = await cache?.match(path);
  const blob = kept ? await kept.blob() : await make();
  if (!kept) await cache?.put(path, new Response(blob)).catch(() => {}); // the disk may be full
  return pictureUrl(name) ?? remember(name, URL.createObjectURL(blob));
}

function remember(name: string, url: string): string {
  urls.set(name, url);
  const [oldest] = urls;
  if (urls.size > MOST && oldest) {
    urls.delete(oldest[0]);
    URL.revokeObjectURL(oldest[1]); // an element that shows it goes on showing it
  }
  return url;
}
