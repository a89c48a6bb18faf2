// What the list and a batch's own page show of it.

import { type Batch, isRunning } from "../../api/batches";
import { now } from "../../store/clock";
import { batches as words } from "../../strings";
import { duration } from "../../ui/format";
import { type Part, Pill } from "../../ui/parts";
import { nameOf } from "./orders";

export function Name({ batch }: { batch: Batch }) {
  return (
    <>
      <b class="said">{nameOf(batch) ?? words.unnamed}</b>
      {batch.retry_of && <span class="hint"> {words.retryOf}</span>}
    </>
  );
}

export function Status({ batch }: { batch: Batch }) {
  const [kind, text] = status(batch);
  return <Pill kind={kind}>{text}</Pill>;
}

function status(batch: Batch): ["good" | "bad" | "busy" | "held" | "plain", string] {
  if (batch.status === "failed") return ["bad", words.wrong];
  if (batch.dry_run && batch.status === "completed") return ["plain", words.checked];
  if (batch.paused && batch.status === "in_progress") return ["held", words.paused];
  if (isRunning(batch)) return ["busy", words.statuses[batch.status]];
  return [batch.status === "completed" && !batch.stopped && !batch.request_counts.failed ? "good" : "plain", words.statuses[batch.status]];
}

const COUNTS = ["completed", "running", "failed", "not_started"] as const;

/** Its lines, by what has become of them. */
export const partsOf = (batch: Batch): Part[] =>
  COUNTS.map((kind) => ({
    kind,
    label: words.counts[kind],
    amount: batch.request_counts[kind],
    text: batch.request_counts[kind].toLocaleString(),
  }));

export function Expected({ batch }: { batch: Batch }) {
  if (batch.estimated_completion_at === null || !isRunning(batch) || batch.paused) return null;
  const left = batch.estimated_completion_at - now.value;
  return <span>{left > 1 ? words.ready(duration(left)) : words.soon}</span>;
}
