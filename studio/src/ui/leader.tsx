// The academy leader of a film that is not there yet: the hand goes round with its progress, and the
// number counts down to its expected end.

import type { Video } from "../api/types";
import { now } from "../store/clock";
import { sides } from "../api/sizes";
import { clock } from "./format";

export function Leader({ video }: { video: Video }) {
  const [width, height] = sides(video.size);
  const end = video.estimated_completion_at;
  const left = end === null ? null : end - now.value;
  const whole = end === null ? 1 : Math.max(1, end - video.created_at);
  const byTime = left === null ? 0 : Math.min(0.99, Math.max(0, 1 - left / whole));
  const turn = Math.max(byTime, video.progress / 100);
  return (
    <div
      class={`leader ${video.status}`}
      style={{ "--ratio": (width / height).toFixed(3), "--turn": turn.toFixed(3) }}
      role="progressbar"
      aria-label={video.prompt}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={video.progress}
    >
      <span class="sweep" />
      <span class="count figures" aria-hidden="true">
        {left === null ? "·" : left > 0 ? (left < 100 ? Math.ceil(left) : clock(left)) : "+"}
      </span>
    </div>
  );
}
