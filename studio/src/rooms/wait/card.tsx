// One unfinished video: a film leader that counts down, where it is, and how to stop it.

import { useSignal } from "@preact/signals";
import { ApiError } from "../../api/client";
import type { Stage, Video } from "../../api/types";
import { loadMonth } from "../../store/money";
import { isNobody } from "../../store/session";
import { cancel, look } from "../../store/videos";
import { wait as words } from "../../strings";
import { Button } from "../../ui/button";
import { Confirm } from "../../ui/confirm";
import { usd } from "../../ui/format";
import { Leader } from "../../ui/leader";
import { Expected } from "./expected";

const STAGES: Stage[] = ["accepted", "waiting_for_quota", "submitting", "rendering", "collecting"];

export function WaitingCard({ video }: { video: Video }) {
  const asking = useSignal(false);
  const sent = video.status === "in_progress";
  return (
    <article class="card waiting" aria-label={video.prompt}>
      <Leader video={video} />
      <div class="card-body">
        <p class="said">{video.prompt}</p>
        <Expected video={video} />
        <Stages stage={video.stage} />
        {video.notice && <p class="hint">{video.notice}</p>}
        <div class="card-foot">
          <span class="hint figures">
            {video.model} · {usd(video.cost.estimated)}
          </span>
          <Button kind="quiet" onClick={() => (asking.value = true)}>
            {words.cancel}
          </Button>
        </div>
      </div>
      {asking.value && (
        <Confirm
          words={{ ...words.cancelling, text: sent ? words.cancelPaid(usd(video.cost.estimated)) : words.cancelFree }}
          act={() => cancelNow(video)}
          onClose={() => (asking.value = false)}
        />
      )}
    </article>
  );
}

function Stages({ stage }: { stage: Stage | null }) {
  const at = stage ? STAGES.indexOf(stage) : -1;
  return (
    <ol class="stages">
      {STAGES.map((each, index) => (
        <li
          key={each}
          class={index < at ? "past" : index === at ? "current" : ""}
          aria-current={index === at ? "step" : undefined}
        >
          {words.stages[each]}
        </li>
      ))}
    </ol>
  );
}

/** Throws ApiError. */
async function cancelNow(video: Video): Promise<void> {
  try {
    await cancel(video.id);
  } catch (error) {
    void look(video.id).catch(isNobody);
    const late = error instanceof ApiError && error.status === 409;
    throw late ? new ApiError(409, { ...error.detail, message: words.tooLate }) : error;
  }
  void loadMonth();
}
