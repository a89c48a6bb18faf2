// The film that was chosen first, of the two that are to be compared.

import { signal } from "@preact/signals";
import type { Video } from "../../api/types";
import { go } from "../../router";

export const picked = signal<string | null>(null);

/** Choose a film; the second one opens both. Whether it was the second one. */
export function pick(video: Video): boolean {
  const first = picked.value;
  if (first === null) picked.value = video.id;
  else picked.value = null;
  if (first === null || first === video.id) return false;
  go("look", first, video.id);
  return true;
}
