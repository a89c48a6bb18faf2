// A video by its id, read from the app where this tab does not know it yet.

import { useEffect, useState } from "preact/hooks";
import type { Video } from "../../api/types";
import { isNobody } from "../../store/session";
import { look, videoById } from "../../store/videos";

/** The video; null while it is read; undefined where there is none. */
export function useVideo(id: string): Video | null | undefined {
  const video = videoById(id);
  const [missing, setMissing] = useState<string | null>(null);
  const isKnown = video !== undefined;
  useEffect(() => {
    if (isKnown) return;
    look(id)
      .then((found) => found === null && setMissing(id))
      .catch((error: unknown) => isNobody(error) || setMissing(id));
  }, [id, isKnown]);
  return video ?? (missing === id ? undefined : null);
}
