// The remixes of a video, and what it is a remix of: as a tree from the first one on.

import type { Video } from "../../api/types";
import { usePoster } from "../../media/poster";
import { link } from "../../router";
import { isGoing } from "../../store/removal";
import { hasMore, videoById, videos } from "../../store/videos";
import { look as words } from "../../strings";
import { useVideo } from "./known";

export function Family({ video }: { video: Video }) {
  const first = ancestor(video);
  // one that is not loaded yet is read, and leads further up when it is there
  const missing = useVideo(first.remixed_from_video_id ?? video.id);
  const children = remixes();
  if (!first.remixed_from_video_id && !children.has(first.id)) return null;
  return (
    <section class="family" aria-labelledby="family-title">
      <h2 id="family-title">{words.family}</h2>
      {missing === undefined && <p class="hint">{words.deletedParent}</p>}
      <ul>
        <Branch video={first} here={video.id} children={children} />
      </ul>
      {hasMore.value && <p class="hint">{words.familyNote}</p>}
    </section>
  );
}

interface BranchProps {
  video: Video;
  here: string;
  children: ReadonlyMap<string, Video[]>;
}

function Branch({ video, here, children }: BranchProps) {
  const poster = usePoster(video);
  const remixed = children.get(video.id);
  return (
    <li>
      <a href={link("look", video.id)} aria-current={video.id === here ? "true" : undefined}>
        <span class="family-picture">{poster && <img src={poster} alt="" />}</span>
        <span class="family-prompt">{video.prompt}</span>
      </a>
      {remixed && (
        <ul>
          {remixed.map((each) => (
            <Branch key={each.id} video={each} here={here} children={children} />
          ))}
        </ul>
      )}
    </li>
  );
}

/** The first known one that led to a video. */
function ancestor(video: Video): Video {
  let first = video;
  for (;;) {
    const before = first.remixed_from_video_id ? videoById(first.remixed_from_video_id) : undefined;
    if (!before || isGoing(before.id)) return first;
    first = before;
  }
}

/** The known remixes of each video, oldest first. */
function remixes(): ReadonlyMap<string, Video[]> {
  const found = new Map<string, Video[]>();
  for (const video of videos.value.toReversed()) {
    const from = video.remixed_from_video_id;
    if (!from || isGoing(video.id)) continue;
    const among = found.get(from);
    if (among) among.push(video);
    else found.set(from, [video]);
  }
  return found;
}
