// All batches of the caller, newest first.

import { useState } from "preact/hooks";
import { get } from "../../api/client";
import { type Batch, type BatchPage, isRunning } from "../../api/batches";
import { link } from "../../router";
import { persist } from "../../store/connection";
import { usePolled } from "../../store/polled";
import { batches as words } from "../../strings";
import { useAction } from "../../ui/action";
import { Button } from "../../ui/button";
import { day, usd } from "../../ui/format";
import { Parts } from "../../ui/parts";
import { Expected, Name, Status, partsOf } from "./shown";
import { Upload } from "./upload";

const OFTEN = 2;
const SELDOM = 15;

export function BatchList() {
  const { value, error } = usePolled<BatchPage>("/batches?limit=20", (page) =>
    page.data.some(isRunning) ? OFTEN : SELDOM,
  );
  const [older, setOlder] = useState<{ data: Batch[]; more: boolean } | null>(null);
  const { busy, problem, run } = useAction();
  const data = value ? merged(value.data, older?.data ?? []) : [];
  const more = older?.more ?? value?.has_more;
  const loadOlder = async (): Promise<void> => {
    const page = await persist(() => get<BatchPage>(`/batches?limit=20&after=${data.at(-1)?.id}`));
    setOlder({ data: [...(older?.data ?? []), ...page.data], more: page.has_more });
  };
  return (
    <div class="batches">
      <div class="batches-head">
        <h1>{words.title}</h1>
        <p class="lead">{words.lead}</p>
      </div>
      <Upload />
      {(error ?? problem.value) && <p class="notice bad">{error ?? problem.value}</p>}
      {value && !data.length && <p class="empty">{words.none}</p>}
      <ul class="shelf">
        {withoutUsedChecks(data).map((batch) => (
          <li key={batch.id}>
            <Row batch={batch} />
          </li>
        ))}
      </ul>
      {more && (
        <Button busy={busy.value} onClick={() => void run(loadOlder)}>
          {words.older}
        </Button>
      )}
    </div>
  );
}

const merged = (newest: Batch[], older: Batch[]): Batch[] => [
  ...new Map([...older, ...newest].map((each) => [each.id, each])).values(),
].sort((one, other) => (one.id < other.id ? 1 : -1));

/** A check that was followed by its batch has said what it had to say. */
function withoutUsedChecks(data: Batch[]): Batch[] {
  const used = new Set(data.filter((each) => !each.dry_run).map((each) => each.input_file_id));
  return data.filter((each) => !each.dry_run || !used.has(each.input_file_id));
}

function Row({ batch }: { batch: Batch }) {
  const { total, completed } = batch.request_counts;
  return (
    <a class="card shelf-row" href={link("batches", batch.id)}>
      <span class="shelf-name">
        <Name batch={batch} />
        <Status batch={batch} />
      </span>
      {!batch.dry_run && total > 0 && <Parts label={words.progress(completed, total)} parts={partsOf(batch)} />}
      <span class="shelf-facts hint figures">
        <span>{batch.dry_run ? words.lines(total) : words.progress(completed, total)}</span>
        <span>
          {batch.dry_run
            ? batch.status === "completed" && usd(batch.cost.estimated)
            : batch.cost.budget === null
              ? usd(batch.cost.committed)
              : words.money.of(usd(batch.cost.committed), usd(batch.cost.budget))}
        </span>
        <Expected batch={batch} />
        <span>{day(batch.created_at)}</span>
      </span>
      {batch.notice && isRunning(batch) && <span class="hint">{batch.notice}</span>}
    </a>
  );
}
