// When a video is expected, honestly: an estimate that has passed is not stretched, but said.

import type { Video } from "../../api/types";
import { now } from "../../store/clock";
import { wait as words } from "../../strings";
import { duration } from "../../ui/format";

export function Expected({ video }: { video: Video }) {
  const { queue_position: position, estimated_completion_at: end } = video;
  const left = end === null ? null : end - now.value;
  return (
    <p class="expected figures">
      {position !== null && <b>{words.place(position)}</b>}
      <span>
        {left === null
          ? words.unknownEnd
          : left > 0
            ? words.left(duration(Math.ceil(left)))
            : words.over(duration(-left))}
      </span>
      {video.stage === "rendering" && video.progress > 0 && <span>{words.progress(video.progress)}</span>}
    </p>
  );
}
