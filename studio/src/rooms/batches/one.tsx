// One batch: how far it is, what it costs, and what can be done with it.

import { useState } from "preact/hooks";
import { type Batch, isRunning } from "../../api/batches";
import { link } from "../../router";
import { usePolled } from "../../store/polled";
import { batches as words } from "../../strings";
import { useAction } from "../../ui/action";
import { Button } from "../../ui/button";
import { Confirm } from "../../ui/confirm";
import { usd } from "../../ui/format";
import { Legend, Parts } from "../../ui/parts";
import { Checked, Problems } from "./check";
import { RetryDialog } from "./dialogs";
import { order } from "./orders";
import { Results } from "./results";
import { Expected, Name, partsOf, Status } from "./shown";

const EVERY = 1;

export function OneBatch({ id }: { id: string }) {
  const { value: batch, error, learn } = usePolled<Batch>(`/batches/${id}`, (each) => (isRunning(each) ? EVERY : null));
  return (
    <div class="batch">
      <p class="back">
        <a href={link("batches")}>← {words.back}</a>
      </p>
      {error && <p class="notice bad">{error}</p>}
      {batch && (
        <>
          <div class="batch-head">
            <h1>
              <Name batch={batch} />
            </h1>
            <Status batch={batch} />
          </div>
          <Body key={batch.id} batch={batch} learn={learn} />
        </>
      )}
    </div>
  );
}

function Body({ batch, learn }: { batch: Batch; learn: (batch: Batch) => void }) {
  if (batch.status === "validating") {
    return (
      <p class="notice" role="status">
        {words.check.checking}
      </p>
    );
  }
  if (batch.status === "failed") return <Problems batch={batch} />;
  if (batch.dry_run) return <Checked batch={batch} />;
  return <Run batch={batch} learn={learn} />;
}

function Run({ batch, learn }: { batch: Batch; learn: (batch: Batch) => void }) {
  const { total, completed } = batch.request_counts;
  const parts = partsOf(batch);
  return (
    <>
      <section class="panel" aria-label={words.progress(completed, total)}>
        <p class="progress-line">
          <b class="amount figures">{total ? Math.floor((completed / total) * 100) : 0} %</b>
          <span class="hint figures">{words.progress(completed, total)}</span>
          <span class="hint figures">
            <Expected batch={batch} />
          </span>
        </p>
        <Parts label={words.progress(completed, total)} parts={parts} />
        <Legend parts={parts} />
        {batch.notice && isRunning(batch) && <p class="notice">{batch.notice}</p>}
        {batch.stopped && <p class="notice">{words.stopped[batch.stopped]}</p>}
        <Orders batch={batch} learn={learn} />
      </section>
      <div class="batch-columns">
        <Money batch={batch} />
        <Results batch={batch} />
      </div>
    </>
  );
}

function Orders({ batch, learn }: { batch: Batch; learn: (batch: Batch) => void }) {
  const { busy, problem, run } = useAction();
  const [asking, setAsking] = useState<"cancel" | "retry" | null>(null);
  const [said, setSaid] = useState("");
  const give = async (verb: "pause" | "resume" | "cancel"): Promise<void> => {
    learn(await order(batch, verb));
    setSaid(words.changed[verb]);
  };
  const begins = batch.status === "in_progress" && !batch.stopped;
  const rest = batch.request_counts.total - batch.request_counts.completed;
  return (
    <div class="orders">
      {begins && (
        <Button kind={batch.paused ? "primary" : "plain"} busy={busy.value} onClick={() => void run(() => give(batch.paused ? "resume" : "pause"))}>
          {batch.paused ? words.resume : words.pause}
        </Button>
      )}
      {begins && (
        <Button kind="quiet" onClick={() => setAsking("cancel")}>
          {words.cancel}
        </Button>
      )}
      {!isRunning(batch) && rest > 0 && (
        <Button kind="primary" onClick={() => setAsking("retry")}>
          {words.retry}
        </Button>
      )}
      <p class="hint" role="status">
        {said}
      </p>
      <p class="field-error" role="alert">
        {problem.value}
      </p>
      {asking === "cancel" && (
        <Confirm words={words.cancelling} act={() => give("cancel")} onClose={() => setAsking(null)} />
      )}
      {asking === "retry" && <RetryDialog batch={batch} rest={rest} onClose={() => setAsking(null)} />}
    </div>
  );
}

function Money({ batch: { cost } }: { batch: Batch }) {
  const lines: [string, string, string?][] = [
    [words.money.budget, cost.budget === null ? words.money.noBudget : usd(cost.budget)],
    [words.money.settled, usd(cost.settled), "settled"],
    [words.money.reserved, usd(cost.reserved), "reserved"],
    [words.money.unknown, usd(cost.unknown), "unknown"],
  ];
  if (cost.budget !== null) {
    lines.push([words.money.left, usd(Math.max(0, Number(cost.budget) - Number(cost.committed)).toFixed(6))]);
  }
  lines.push([words.money.estimated, usd(cost.estimated)]);
  return (
    <section class="panel" aria-labelledby="batch-money">
      <h2 id="batch-money">{words.money.title}</h2>
      <dl class="amounts">
        {lines.map(([name, amount, kind]) => (
          <div key={name}>
            <dt>
              {kind && <span class={`swatch part ${kind}`} aria-hidden="true" />}
              {name}
            </dt>
            <dd class="figures">{amount}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
