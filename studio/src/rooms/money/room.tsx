// What videos cost: this month against the budget, by day, and by model, batch or caller.

import { useEffect, useState } from "preact/hooks";
import type { Usage } from "../../api/types";
import { link } from "../../router";
import { serverNow } from "../../store/clock";
import { admin, loadMonth, month as current } from "../../store/money";
import { usePolled } from "../../store/polled";
import { money as words } from "../../strings";
import { useAction } from "../../ui/action";
import { Button } from "../../ui/button";
import { Choice } from "../../ui/field";
import { usd } from "../../ui/format";
import { Legend, Parts } from "../../ui/parts";
import { save } from "../../ui/save";
import { DayChart } from "./chart";
import { isMonth, monthName, monthOf, moved } from "./months";
import { committed, partsOf } from "./sums";
import { Table, type Row } from "./table";

const EVERY = 10;

type Group = "model" | "batch" | "caller";

const path = (month: string, by: string): string =>
  `/usage?from=${month}-01&to=${new Date(Date.parse(`${moved(month, 1)}-01T00:00:00Z`) - 1).toISOString().slice(0, 10)}&group_by=${by}`;

export function Room({ steps }: { steps: string[] }) {
  const today = monthOf(serverNow());
  const month = isMonth(steps[0]) ? steps[0] : today;
  const often = (): number | null => (month === today ? EVERY : null);
  const [group, setGroup] = useState<Group>("model");
  const days = usePolled<Usage>(path(month, "day"), often);
  const groups = usePolled<Usage>(path(month, group), often);
  useEffect(() => void loadMonth(), [days.value]);
  const usage = days.value;
  const saving = useAction();
  return (
    <div class="money">
      <div class="room-head">
        <h1>{words.title}</h1>
        <MonthPicker month={month} today={today} />
      </div>
      <p class="lead">{admin.value ? words.everybody : words.mine}</p>
      {days.error && <p class="notice bad">{days.error}</p>}
      {usage && (
        <>
          {month === today && current.value ? <Budget now={current.value} /> : <Total usage={usage} />}
          {usage.data.length === 0 ? (
            <p class="empty">{words.none}</p>
          ) : (
            <>
              <DayChart month={month} rows={usage.data} total={usage.total} legend={month !== today} />
              <section class="panel" aria-labelledby="by-group">
                <div class="section-head">
                  <h2 id="by-group">{`${words.by} ${words.groups[group].toLowerCase()}`}</h2>
                  <Button
                    kind="quiet"
                    busy={saving.busy.value}
                    onClick={() => void saving.run(() => save(`${path(month, group)}&format=csv`, `${month}-${group}.csv`))}
                  >
                    {words.csv}
                  </Button>
                </div>
                <Choice
                  legend={words.by}
                  name="group"
                  options={admin.value ? (["model", "batch", "caller"] as const) : (["model", "batch"] as const)}
                  value={group}
                  onChoose={setGroup}
                  text={(each) => words.groups[each]}
                  error={saving.problem.value ?? groups.error}
                />
                {groups.value && (
                  <Table group={group} rows={byAmount(groups.value.data)} name={(row) => <Name group={group} row={row} />} bars />
                )}
              </section>
            </>
          )}
        </>
      )}
    </div>
  );
}

const byAmount = (rows: Row[]): Row[] => [...rows].sort((one, other) => committed(other) - committed(one));

function Name({ group, row }: { group: Group; row: Row }) {
  if (group !== "batch") return <>{row.group}</>;
  if (row.group === "none") return <>{words.noBatch}</>;
  return (
    <a href={link("batches", row.group)} title={row.group}>
      {`…${row.group.slice(-8)}`}
    </a>
  );
}

function MonthPicker({ month, today }: { month: string; today: string }) {
  const last = month >= today;
  return (
    <nav class="months" aria-label={words.month}>
      <a class="button" href={link("money", moved(month, -1))} aria-label={words.before}>
        ←
      </a>
      <b aria-live="polite">{monthName(month)}</b>
      {last ? (
        <span class="button" aria-hidden="true" data-off>
          →
        </span>
      ) : (
        <a class="button" href={link("money", moved(month, 1))} aria-label={words.after}>
          →
        </a>
      )}
    </nav>
  );
}

function Budget({ now }: { now: Usage["month_to_date"] }) {
  const parts = partsOf(now);
  const left = Number(now.left ?? 0);
  if (now.left !== null) parts.push({ kind: "left", label: words.kinds.left, amount: left, text: usd(now.left) });
  const title = admin.value ? words.everybodys : now.budget === null ? words.noBudget : words.budgetTitle;
  return (
    <section class="headline" aria-labelledby="budget-title">
      <h2 id="budget-title">{title}</h2>
      <p class="amount figures">
        {usd(now.committed)}
        {now.budget !== null && <small> / {usd(now.budget)}</small>}
      </p>
      <Parts label={title} parts={parts} />
      <Legend parts={parts} />
    </section>
  );
}

function Total({ usage }: { usage: Usage }) {
  const { total } = usage;
  return (
    <section class="headline" aria-labelledby="total-title">
      <h2 id="total-title">{words.total}</h2>
      <p class="amount figures">{usd(committed(total).toFixed(6))}</p>
      <p class="hint">
        {words.videos(total.videos)} · {words.finished(total.seconds)}
      </p>
    </section>
  );
}
