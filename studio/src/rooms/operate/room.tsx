// The operator's view: the line, what is not collected, and the deployments with their switch.

import { useState } from "preact/hooks";
import { send } from "../../api/client";
import type { Deployment, Deployments } from "../../api/deployments";
import { now } from "../../store/clock";
import { usePolled } from "../../store/polled";
import { operate as words } from "../../strings";
import { duration } from "../../ui/format";
import { DeploymentCard } from "./deployment";

const EVERY = 3;

export function Room() {
  const { value, error, again } = usePolled<Deployments>("/deployments", () => EVERY);
  const [said, setSaid] = useState("");
  const order = async (deployment: Deployment, verb: "pause" | "resume"): Promise<void> => {
    await send("POST", `/deployments/${encodeURIComponent(deployment.name)}/${verb}`);
    setSaid(verb === "pause" ? words.paused(deployment.name) : words.resumed(deployment.name));
    again();
  };
  return (
    <div class="operate">
      <h1>{words.title}</h1>
      {error && <p class="notice bad">{error}</p>}
      <p class="visually-hidden" role="status">
        {said}
      </p>
      {value && (
        <>
          <Line of={value} />
          <section aria-labelledby="deployments-title">
            <h2 id="deployments-title">{words.deployments}</h2>
            <ul class="deployments">
              {value.data.map((deployment) => (
                <li key={deployment.name}>
                  <DeploymentCard deployment={deployment} onOrder={(verb) => order(deployment, verb)} />
                </li>
              ))}
            </ul>
          </section>
        </>
      )}
    </div>
  );
}

function Line({ of: { queue, data } }: { of: Deployments }) {
  return (
    <section class="line-state" aria-labelledby="line-title">
      <h2 id="line-title" class="visually-hidden">{words.line}</h2>
      <Fact figure={queue.waiting.toLocaleString()} text={words.waiting} />
      <Fact figure={queue.working.toLocaleString()} text={words.working} />
      {queue.oldest_wait_seconds === null ? (
        <Fact figure="–" text={words.nobody} />
      ) : (
        <Fact figure={duration(queue.oldest_wait_seconds)} text={words.oldest} />
      )}
      <Uncollected data={data} />
    </section>
  );
}

function Fact({ figure, text }: { figure: string; text: string }) {
  return (
    <p class="fact">
      <b class="figures">{figure}</b> <span>{text}</span>
    </p>
  );
}

/** The oldest of all deployments: what is lost first if nobody collects it. */
function Uncollected({ data }: { data: Deployment[] }) {
  const [oldest] = data
    .filter((each) => each.uncollected.oldest_seconds !== null)
    .sort((one, other) => (other.uncollected.oldest_seconds ?? 0) - (one.uncollected.oldest_seconds ?? 0));
  if (!oldest) return <Fact figure="0" text={words.allCollected} />;
  const { oldest_seconds, soonest_expiry_at, oldest_video_id } = oldest.uncollected;
  const left = soonest_expiry_at === null ? null : soonest_expiry_at - now.value;
  return (
    <div class="fact wide">
      <b class="figures">{duration(oldest_seconds ?? 0)}</b>{" "}
      <span>
        {words.uncollected}, {oldest.name}
        {left !== null && `: ${left > 0 ? words.expires(duration(left)) : words.expired}`}
      </span>
      <code>{oldest_video_id}</code>
    </div>
  );
}
