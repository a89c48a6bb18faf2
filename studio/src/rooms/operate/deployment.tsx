// One deployment: how it is and why, how much of it is used, and its switch.

import type { Deployment } from "../../api/deployments";
import { now } from "../../store/clock";
import { operate as words } from "../../strings";
import { useAction } from "../../ui/action";
import { Button } from "../../ui/button";
import { day, duration } from "../../ui/format";
import { Pill } from "../../ui/parts";

const MOST_SLOTS = 40;

interface CardProps {
  deployment: Deployment;
  onOrder: (verb: "pause" | "resume") => Promise<void>;
}

export function DeploymentCard({ deployment, onOrder }: CardProps) {
  const { busy, problem, run } = useAction();
  const shut = deployment.paused || deployment.state === "out" || (deployment.state === "retired" && deployment.reason !== null);
  const verb = shut ? "resume" : "pause";
  return (
    <article class={`card deployment ${deployment.state}`} aria-label={deployment.name}>
      <div class="card-body">
        <div class="deployment-head">
          <h3>{deployment.name}</h3>
          <State deployment={deployment} />
        </div>
        <p class="hint">{deployment.model}</p>
        <Slots running={deployment.running} most={deployment.max_running} />
        <p class="hint figures">
          {[
            words.pace(deployment.max_creates_per_minute),
            ...(deployment.throttled ? [words.throttled(deployment.throttled)] : []),
            ...(deployment.uncollected.jobs ? [words.jobs(deployment.uncollected.jobs)] : []),
          ].join(" · ")}
        </p>
        <Why deployment={deployment} />
        <p class="field-error" role="alert">
          {problem.value}
        </p>
        <div class="card-foot">
          <Button kind={shut ? "primary" : "plain"} busy={busy.value} onClick={() => void run(() => onOrder(verb))}>
            {verb === "pause" ? words.pause : deployment.paused ? words.resume : words.tryNow}
            <span class="visually-hidden"> {deployment.name}</span>
          </Button>
        </div>
      </div>
    </article>
  );
}

function State({ deployment }: { deployment: Deployment }) {
  if (deployment.paused) return <Pill kind="held">{words.held}</Pill>;
  const kind = { active: "good", retiring: "busy", retired: "bad", paused: "busy", out: "bad" } as const;
  return <Pill kind={kind[deployment.state]}>{words.states[deployment.state]}</Pill>;
}

function Slots({ running, most }: { running: number; most: number }) {
  const drawn = most <= MOST_SLOTS;
  return (
    <div>
      <p>
        <b class="figures">{running.toLocaleString()}</b>
        <span class="hint figures"> / {most.toLocaleString()} {words.runningShort}</span>
      </p>
      <div class="slots" aria-hidden="true">
        {drawn ? (
          Array.from({ length: most }, (_, slot) => <span key={slot} class={slot < running ? "taken" : ""} />)
        ) : (
          <span class="parts thin">
            <span class="part completed" style={{ width: `${(running / most) * 100}%` }} />
          </span>
        )}
      </div>
    </div>
  );
}

/** Every reason for which it gets no jobs, or soon will not. */
function Why({ deployment }: { deployment: Deployment }) {
  const { state, paused, reason, message, since, paused_until, retires_at } = deployment;
  const until = paused_until === null ? null : paused_until - now.value;
  const tried = until === null ? "" : until > 0 ? words.next(duration(until)) : words.nextNow;
  const said: string[] = [];
  if (paused) said.push(words.heldText);
  if (reason !== null) {
    const what = state === "retired" ? words.goneText(reason) : words.outText(reason);
    said.push([what, since && words.since(new Date(since * 1000).toLocaleString()), state === "out" && tried].filter(Boolean).join(" "));
  } else if (until !== null) {
    said.push(`${words.throttledText} ${tried}`);
  }
  if (retires_at !== null) said.push(state === "retired" ? words.retiredOn(day(retires_at)) : words.retires(day(retires_at)));
  return (
    <>
      {said.map((each) => (
        <p key={each} class={`notice ${reason !== null ? "bad" : ""}`}>
          {each}
        </p>
      ))}
      {message && (
        <details>
          <summary>{words.says}</summary>
          <p class="own-words">{message}</p>
        </details>
      )}
    </>
  );
}
