// A video that ended without its film: why, what it cost, and the one thing to do now.

import type { Video } from "../../api/types";
import { go, path } from "../../router";
import { again, remix } from "../../store/draft";
import { removeSoon } from "../../store/removal";
import { wait as words } from "../../strings";
import { Button } from "../../ui/button";
import { usd } from "../../ui/format";
import { asksFor } from "../make/form";
import { make, sending } from "../make/submit";

export function FailureCard({ video }: { video: Video }) {
  const { error } = video;
  const fill = (): void => {
    // a remix is made of the same film again
    if (video.remixed_from_video_id) remix(video, video.remixed_from_video_id);
    else again(video);
  };
  // to the form: it is where one sees what is made, and what was refused
  const show = (): void => {
    if (path.value.length) go();
    else document.getElementById("prompt")?.focus();
  };
  const retry = (): void => {
    fill();
    if (asksFor(video)) void make();
    if (path.value.length || !sending.value) show();
  };
  const change = (): void => {
    fill();
    show();
  };
  return (
    <article class="card failure" aria-label={video.prompt}>
      <div class="card-body">
        <p class="said">{video.prompt}</p>
        <p>
          <b>{error ? words.failed : words.cancelled}.</b> {error?.message}
        </p>
        {error && <p>{words.advice[error.code] ?? words.otherwise[error.retryable ? "retry" : "change"]}</p>}
        <p class="hint">
          {charged(video)} {video.cost.actual && Number(video.cost.actual) > 0 && usd(video.cost.actual)}
        </p>
        <div class="card-foot">
          <Button kind="quiet" onClick={() => removeSoon(video)}>
            {words.dismiss}
          </Button>
          {!error || error.retryable ? (
            <Button onClick={(event) => event.detail < 2 && retry()}>{words.again}</Button>
          ) : (
            <Button onClick={change}>{words.change}</Button>
          )}
        </div>
      </div>
    </article>
  );
}

function charged({ cost }: Video): string {
  if (cost.state === "unknown") return words.charged.unknown;
  return cost.state === "released" ? words.charged.no : words.charged.yes;
}
