// What the check of a file has found: every problem, or the price and the form that starts it.

import { useEffect, useState } from "preact/hooks";
import type { Batch, LineError } from "../../api/batches";
import { go, link } from "../../router";
import { batches as words } from "../../strings";
import { useAction } from "../../ui/action";
import { Button } from "../../ui/button";
import { Choice, NumberField } from "../../ui/field";
import { day, usd } from "../../ui/format";
import { save } from "../../ui/save";
import { allProblems, amount, nameOf, roundedUp, start, startedFrom, type Terms } from "./orders";
import { Status } from "./shown";
import { Upload } from "./upload";

const MOST_SHOWN = 200;

export function Problems({ batch }: { batch: Batch }) {
  const [problems, setProblems] = useState<LineError[]>(batch.errors?.data ?? []);
  const { problem, run } = useAction();
  const saving = useAction();
  const { error_file_id } = batch;
  useEffect(() => {
    // the batch itself has the first ones only
    if (error_file_id) void run(async () => setProblems(await allProblems(error_file_id)));
  }, [error_file_id]);
  const shown = problems.slice(0, MOST_SHOWN);
  return (
    <>
      <section class="panel" aria-labelledby="problems-title">
        <div role="status">
          <h2 id="problems-title" class="verdict">{words.check.wrong(problems.length)}</h2>
          <p class="hint">{words.check.wrongHint}</p>
        </div>
        <div class="scroll" tabIndex={0} role="region" aria-label={words.check.problem}>
          <table class="problems">
            <thead>
              <tr>
                <th scope="col" class="number">{words.check.line}</th>
                <th scope="col">{words.check.problem}</th>
                <th scope="col">{words.check.field}</th>
              </tr>
            </thead>
            <tbody>
              {shown.map((each, index) => (
                <tr key={index}>
                  <th scope="row" class="number figures">{each.line?.toLocaleString() ?? words.check.whole}</th>
                  <td>{each.message}</td>
                  <td>{each.param && <code>{each.param}</code>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        {problems.length > shown.length && <p class="hint">{words.check.more(problems.length - shown.length)}</p>}
        <p class="field-error" role="alert">
          {problem.value ?? saving.problem.value}
        </p>
        {error_file_id && (
          <Button
            kind="quiet"
            busy={saving.busy.value}
            onClick={() => void saving.run(() => save(`/files/${error_file_id}/content`, `${nameOf(batch) ?? batch.id} errors.jsonl`))}
          >
            {words.check.save}
          </Button>
        )}
      </section>
      <h2>{words.check.again}</h2>
      <Upload />
    </>
  );
}

const WINDOWS = ["24h", "3d", "7d"] as const;

export function Checked({ batch }: { batch: Batch }) {
  if (batch.status !== "completed") return <p class="notice">{words.check.stopped}</p>;
  return (
    <div class="batch-columns">
      <section class="panel" aria-labelledby="price-title">
        <div role="status">
          <h2 id="price-title" class="verdict good">{words.check.ok}</h2>
          <p class="hint">{words.check.price}</p>
          <p class="amount figures">{usd(batch.cost.estimated)}</p>
          <p class="hint figures">{words.lines(batch.request_counts.total)}</p>
        </div>
        <StartedBefore batch={batch} />
      </section>
      <StartForm batch={batch} />
    </div>
  );
}

function StartForm({ batch }: { batch: Batch }) {
  const { busy, problem, run } = useAction();
  const [budget, setBudget] = useState(roundedUp(Number(batch.cost.estimated)));
  const [most, setMost] = useState("");
  const [until, setUntil] = useState<(typeof WINDOWS)[number]>("24h");
  const [tried, setTried] = useState(false);
  const limit = amount(budget);
  const count = most.trim() === "" ? null : /^[1-9]\d{0,5}$/.test(most.trim()) ? Number(most) : undefined;
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    setTried(true);
    if (limit === null || count === undefined) return;
    const terms: Terms = { budget_usd: limit, completion_window: until };
    if (count !== null) terms.max_running = count;
    void run(async () => go("batches", (await start(batch, terms)).id));
  };
  const short = limit !== null && Number(limit) < Number(batch.cost.estimated);
  return (
    <form class="panel terms" onSubmit={submit} noValidate>
      <NumberField
        id="budget"
        label={words.check.budget}
        hint={short ? words.check.tooFew : words.check.budgetHint}
        error={tried && limit === null ? words.check.noAmount : null}
        inputMode="decimal"
        value={budget}
        onInput={setBudget}
      />
      <NumberField
        id="most"
        label={words.check.most}
        hint={words.check.mostHint}
        error={tried && count === undefined ? words.check.noCount : null}
        inputMode="numeric"
        value={most}
        onInput={setMost}
      />
      <Choice
        legend={words.check.window}
        name="window"
        options={WINDOWS}
        value={until}
        onChoose={setUntil}
        text={(each) => words.check.windows[each]}
      />
      <p class="field-error" role="alert">
        {problem.value}
      </p>
      <Button kind="primary" submit busy={busy.value}>
        {busy.value ? words.check.starting : words.check.start(limit === null ? "–" : usd(limit))}
      </Button>
    </form>
  );
}

/** So that nobody buys the same films twice without knowing. */
function StartedBefore({ batch }: { batch: Batch }) {
  const [before, setBefore] = useState<Batch[]>([]);
  const { run } = useAction();
  useEffect(() => void run(async () => setBefore(await startedFrom(batch))), [batch.id]);
  if (!before.length) return null;
  return (
    <div class="notice">
      <p>{words.check.before}</p>
      <ul>
        {before.map((each) => (
          <li key={each.id}>
            <a href={link("batches", each.id)}>{day(each.created_at)}</a> <Status batch={each} />
          </li>
        ))}
      </ul>
    </div>
  );
}
