// What can be done with a video.

import { useSignal } from "@preact/signals";
import type { Output, Video } from "../../api/types";
import { save } from "../../media/save";
import { go, link } from "../../router";
import { serverNow } from "../../store/clock";
import { again, remix } from "../../store/draft";
import { models } from "../../store/models";
import { removeSoon } from "../../store/removal";
import { isUnfinished } from "../../store/videos";
import { look as words } from "../../strings";
import { Button } from "../../ui/button";
import { matching } from "./filters";
import { pick } from "./picked";

const KEPT_UPSTREAM = 24 * 3600;

export function Actions({ video }: { video: Video }) {
  const fill = (by: (video: Video) => void) => (): void => {
    by(video);
    go();
  };
  const finished = video.status === "completed";
  const mayRemix = finished && models.value?.find((each) => each.id === video.model)?.capabilities.modes.includes("remix");
  const late = serverNow() - video.created_at > KEPT_UPSTREAM;
  const compare = (): void => {
    if (!pick(video)) go("look"); // to choose the other one
  };
  return (
    <div class="actions">
      {mayRemix && (
        <Button kind={late ? "plain" : "primary"} onClick={fill(remix)} {...(late ? { "aria-describedby": "no-remix" } : {})}>
          {words.remix}
        </Button>
      )}
      <Button kind={mayRemix && !late ? "plain" : "primary"} onClick={fill(again)}>
        {words.again}
      </Button>
      {finished && <Button onClick={compare}>{words.compare}</Button>}
      {video.outputs.map((output) => (
        <Download key={output.index} video={video} output={output} />
      ))}
      {!isUnfinished(video) && (
        <Button onClick={() => removeAndGoOn(video)}>{words.remove}</Button>
      )}
      {finished && video.remixed_from_video_id && (
        <a class="button quiet" href={link("look", video.remixed_from_video_id, video.id)}>
          {words.compareWith}
        </a>
      )}
      {mayRemix && late && (
        <p class="hint" id="no-remix">
          {words.noRemix}
        </p>
      )}
    </div>
  );
}

function Download({ video, output }: { video: Video; output: Output }) {
  const busy = useSignal(false);
  const said = useSignal<string | null>(null);
  const start = async (): Promise<void> => {
    if (busy.value) return;
    busy.value = true;
    said.value = null;
    try {
      said.value = words.saved[await save(video, output)];
    } catch {
      said.value = words.notSaved;
    } finally {
      busy.value = false;
    }
  };
  return (
    <>
      <Button busy={busy.value} onClick={() => void start()}>
        {busy.value ? words.downloading : video.outputs.length > 1 ? words.downloadOf(output.index + 1) : words.download}
      </Button>
      <p class="hint saved" role="status">
        {said.value}
      </p>
    </>
  );
}

/** Delete a video, and show the next older one, else the next newer one, else all. */
export function removeAndGoOn(video: Video): void {
  const [newer, older] = neighbours(video.id);
  removeSoon(video);
  const next = older ?? newer;
  if (next) go("look", next);
  else go("look");
}

/** The videos beside one, as the gallery shows them: newer, older. */
export function neighbours(id: string): [string | null, string | null] {
  const all = matching.value;
  const at = all.findIndex((each) => each.id === id);
  if (at < 0) return [null, null];
  return [all[at - 1]?.id ?? null, all[at + 1]?.id ?? null];
}

