// A finished video: a still, which becomes its player when it is pressed.

import { useSignal } from "@preact/signals";
import type { Video } from "../../api/types";
import { link } from "../../router";
import { look as words } from "../../strings";
import { size as shown, usd } from "../../ui/format";
import { Player } from "../../ui/player";
import { shapeOf } from "./layout";
import { Scrub } from "./scrub";

export function Tile({ video }: { video: Video }) {
  const playing = useSignal<number | null>(null);
  return (
    <article class="tile" data-video={video.id}>
      {playing.value === null ? (
        <Still video={video} onPlay={() => (playing.value = 0)} />
      ) : (
        <Player key={playing.value} films={[{ video, index: playing.value }]} autoplay focused />
      )}
      {video.outputs.length > 1 && playing.value !== null && (
        <div class="variants">
          {video.outputs.map(({ index }) => (
            <button key={index} type="button" aria-pressed={index === playing.value} onClick={() => (playing.value = index)}>
              {words.variant(index + 1)}
            </button>
          ))}
        </div>
      )}
      <p class="said">
        <a href={link("look", video.id)}>{video.prompt}</a>
      </p>
      <p class="hint figures">
        {video.model} · {shown(video.size)} · {video.seconds} s{video.cost.actual && ` · ${usd(video.cost.actual)}`}
      </p>
    </article>
  );
}

function Still({ video, onPlay }: { video: Video; onPlay: () => void }) {
  const share = useSignal<number | null>(null);
  return (
    <button
      type="button"
      class="still"
      style={{ aspectRatio: shapeOf(video).toFixed(3) }}
      aria-label={words.play(video.prompt)}
      onClick={onPlay}
    >
      <Scrub video={video} share={share} />
      <span class="play" aria-hidden="true" />
    </button>
  );
}
