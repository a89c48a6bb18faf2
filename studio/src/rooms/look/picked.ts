// The film that was chosen first, of the two that are to be compared.

import type { Video } from "../../api/types";
import { go } from "../../router";
import { ofCaller } from "../../store/session";

export const picked = ofCaller<string | null>(null);

/** Choose a film; the second one opens both. Whether it was the second one. */
export function pick(video: Video): boolean {
  const first = picked.value;
  if (first === null) picked.value = video.id;
  else picked.value = null;
  if (first === null || first === video.id) return false;
  go("look", first, video.id);
  return true;
}
