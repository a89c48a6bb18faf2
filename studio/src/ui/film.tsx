// One film on a deck.

import { useEffect, useRef } from "preact/hooks";
import type { Video } from "../api/types";
import type { Deck } from "../media/deck";
import { contentPath, useMedia } from "../media/media";
import { outputOf, usePoster } from "../media/poster";
import { look as words } from "../strings";

interface FilmProps {
  video: Video;
  index: number;
  deck: Deck;
  label?: string;
}

export function Film({ video, index, deck, label = video.prompt }: FilmProps) {
  const element = useRef<HTMLVideoElement>(null);
  const { src, failed } = useMedia(contentPath(video.id, index));
  const poster = usePoster(video, index);
  const output = outputOf(video, index);
  useEffect(() => (element.current ? deck.add(element.current) : undefined), [deck, failed]);
  if (failed) return <p class="notice bad">{words.unplayable}</p>;
  return (
    // what a model renders has no captions
    <video
      ref={element}
      class="player"
      playsInline
      preload="auto"
      aria-label={label}
      width={output?.width ?? 16}
      height={output?.height ?? 9}
      {...(src ? { src } : {})}
      {...(poster ? { poster } : {})}
    />
  );
}
