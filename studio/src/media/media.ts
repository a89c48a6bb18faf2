// Where an element gets a film or a picture from: its own URL where the service worker controls the
// page, so that only the parts that are watched are fetched; else the whole of it, into memory. A
// page has no worker after a forced reload, in some private windows, or where a policy forbids it.

import { useEffect, useState } from "preact/hooks";
import { BASE, bytes } from "../api/client";

export type Variant = "video" | "thumbnail" | "spritesheet";

/** The path of a file of a video, below the base path. */
export function contentPath(id: string, index = 0, variant: Variant = "video"): string {
  const query = new URLSearchParams();
  if (variant !== "video") query.set("variant", variant);
  if (index) query.set("index", String(index));
  const text = query.toString();
  return `/videos/${id}/content${text ? `?${text}` : ""}`;
}

export const isControlled = (): boolean => Boolean(navigator.serviceWorker?.controller);

/** The worker of a first visit takes a moment to take over; worth waiting for, but not long. */
export async function whenControlled(milliseconds = 1500): Promise<boolean> {
  if (isControlled() || !navigator.serviceWorker) return isControlled();
  await Promise.race([
    new Promise((resolve) =>
      navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true }),
    ),
    new Promise((resolve) => setTimeout(resolve, milliseconds)),
  ]);
  return isControlled();
}

export interface Media {
  src: string | null;
  failed: boolean;
}

/** The `src` for an element; null until there is one, or for ever where `wanted` is false. */
export function useMedia(path: string, wanted = true): Media {
  const [media, setMedia] = useState<Media>({ src: null, failed: false });
  useEffect(() => {
    if (!wanted) return;
    let url: string | null = null;
    const left = new AbortController();
    void (async () => {
      try {
        if (await whenControlled()) {
          if (!left.signal.aborted) setMedia({ src: BASE + path, failed: false });
          return;
        }
        const whole = await download(path, left.signal);
        if (left.signal.aborted) return;
        url = URL.createObjectURL(whole);
        setMedia({ src: url, failed: false });
      } catch {
        if (!left.signal.aborted) setMedia({ src: null, failed: true });
      }
    })();
    return () => {
      left.abort();
      if (url) URL.revokeObjectURL(url);
      setMedia({ src: null, failed: false });
    };
  }, [path, wanted]);
  return media;
}

/** The whole file: from storage, or through the app where storage does not let pages read. */
export async function download(path: string, signal?: AbortSignal): Promise<Blob> {
  const call = signal ? { signal } : {};
  try {
    return await bytes(path, call);
  } catch (error) {
    if (signal?.aborted || (error as { status?: number }).status !== 0) throw error;
    return bytes(`${path}${path.includes("?") ? "&" : "?"}stream=true`, call);
  }
}
