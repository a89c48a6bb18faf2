// One unfinished video: a film leader that counts down, where it is, and how to stop it.

import { useSignal } from "@preact/signals";
import { ApiError } from "../../api/client";
import type { Stage, Video } from "../../api/types";
import { loadMonth } from "../../store/money";
import { isNobody } from "../../store/session";
import { cancel, look } from "../../store/videos";
import { shell, wait as words } from "../../strings";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { usd } from "../../ui/format";
import { Leader } from "../../ui/leader";
import { Expected } from "./expected";

const STAGES: Stage[] = ["accepted", "waiting_for_quota", "submitting", "rendering", "collecting"];

export function WaitingCard({ video }: { video: Video }) {
  const asking = useSignal(false);
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
      {asking.value && <CancelDialog video={video} onClose={() => (asking.value = false)} />}
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

function CancelDialog({ video, onClose }: { video: Video; onClose: () => void }) {
  const busy = useSignal(false);
  const problem = useSignal<string | null>(null);
  const sent = video.status === "in_progress";
  const confirm = async (): Promise<void> => {
    if (busy.value) return;
    busy.value = true;
    try {
      await cancel(video.id);
      void loadMonth();
      onClose();
    } catch (error) {
      if (isNobody(error)) return;
      if (!(error instanceof ApiError)) throw error;
      problem.value = error.status === 409 ? words.tooLate : error.message || shell.tryLater;
      void look(video.id).catch(isNobody);
    } finally {
      busy.value = false;
    }
  };
  return (
    <Dialog title={words.cancelTitle} onClose={onClose}>
      <p>{sent ? words.cancelPaid(usd(video.cost.estimated)) : words.cancelFree}</p>
      <p class="field-error" role="alert">
        {problem.value}
      </p>
      <div class="dialog-foot">
        <Button onClick={onClose}>{words.cancelNo}</Button>
        <Button kind="danger" busy={busy.value} onClick={() => void confirm()}>
          {words.cancelYes}
        </Button>
      </div>
    </Dialog>
  );
}
