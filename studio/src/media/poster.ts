// A still of a finished video: the upstream's thumbnail, or, where it made none, a frame of the film,
// drawn here once and kept.

import { useEffect, useState } from "preact/hooks";
import type { Output, Video } from "../api/types";
import { draw } from "./draw";
import { Line } from "./line";
import { contentPath, download } from "./media";
import { keptPicture, pictureUrl } from "./pictures";

const WIDTH = 640;
/** Where in the film: its first frame is often black. */
const AT = 0.2;

const fetching = new Line(6);
const drawing = new Line(2);

export const outputOf = (video: Video, index: number): Output | undefined =>
  video.outputs.find((each) => each.index === index);

/** The poster's object URL; null until there is one. */
export function usePoster(video: Video, index = 0, wanted = true): string | null {
  const output = outputOf(video, index);
  const name = output ? `poster/${output.sha256}` : null;
  const [made, setMade] = useState<{ name: string; url: string } | null>(null);
  const atHand = name && wanted ? pictureUrl(name) : null;
  useEffect(() => {
    if (!name || !wanted || pictureUrl(name)) return;
    const left = new AbortController();
    keptPicture(name, () => poster(video, index, left.signal))
      .then((url) => left.signal.aborted || setMade({ name, url }))
      .catch(() => {}); // it stays without a picture
    return () => left.abort();
  }, [video.id, index, name, wanted]);
  return atHand ?? (made && made.name === name ? made.url : null);
}

function poster(video: Video, index: number, left: AbortSignal): Promise<Blob> {
  const hasThumbnail = outputOf(video, index)?.variants.includes("thumbnail");
  return hasThumbnail
    ? fetching.turn(() => download(contentPath(video.id, index, "thumbnail"), left), left)
    : drawing.turn(() => draw(contentPath(video.id, index), [AT], 1, WIDTH), left);
}
