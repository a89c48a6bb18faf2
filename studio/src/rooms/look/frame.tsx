// One video on the wall.

import { useSignal } from "@preact/signals";
import type { Video } from "../../api/types";
import { link } from "../../router";
import { isUnfinished } from "../../store/videos";
import { look as words, wait } from "../../strings";
import { Icon } from "../../ui/icons";
import { Leader } from "../../ui/leader";
import { px } from "./layout";
import { pick, picked } from "./picked";
import { Scrub, stepped } from "./scrub";

interface FrameProps {
  video: Video;
  at: number;
  of: number;
  width: number;
  height: number;
  /** Whether Tab leads here: to one of all. */
  reachable: boolean;
  onReach: (at: number) => void;
}

export function Frame({ video, at, of, width, height, reachable, onReach }: FrameProps) {
  const share = useSignal<number | null>(null);
  const chosen = picked.value === video.id;
  const finished = video.status === "completed";
  const onKey = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "," || event.key === ".") share.value = stepped(share.value, event.key === "." ? 1 : -1);
    else if (event.key.toLowerCase() === "x" && finished) pick(video);
    else return;
    event.preventDefault();
  };
  return (
    <li class={chosen ? "frame chosen" : "frame"} data-video={video.id} style={{ width: px(width) }} aria-posinset={at + 1} aria-setsize={of}>
      <a
        href={link("look", video.id)}
        data-at={at}
        tabIndex={reachable ? 0 : -1}
        onFocus={() => onReach(at)}
        onBlur={() => (share.value = null)}
        onKeyDown={onKey}
        draggable={false}
      >
        <span class="shot" style={{ height: px(height) }}>
          {finished ? <Scrub video={video} share={share} /> : <Slate video={video} />}
          {finished && <Chips video={video} />}
        </span>
        <span class="caption">{video.prompt}</span>
      </a>
      {finished && (
        <button
          type="button"
          class="pick"
          tabIndex={reachable ? 0 : -1}
          aria-pressed={chosen}
          aria-label={words.pick(video.prompt)}
          title={words.compare}
          onClick={() => pick(video)}
        >
          <Icon name={chosen ? "check" : "side"} />
        </button>
      )}
    </li>
  );
}

function Chips({ video }: { video: Video }) {
  const count = video.outputs.length;
  return (
    <span class="chips figures">
      {count > 1 && (
        <span>
          <span aria-hidden="true">×{count}</span>
          <span class="visually-hidden">{words.films(count)}</span>
        </span>
      )}
      <span>{video.seconds} s</span>
    </span>
  );
}

function Slate({ video }: { video: Video }) {
  if (isUnfinished(video)) return <Leader video={video} />;
  return (
    <span class="slate">
      <b>{video.error ? wait.failed : wait.cancelled}</b>
      {video.error && <span>{video.error.message}</span>}
    </span>
  );
}
