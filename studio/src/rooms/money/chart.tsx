// Spend by day: a stacked bar for each day of the month, and the same as a table.

import { useState } from "preact/hooks";
import type { Sums } from "../../api/types";
import { money as words } from "../../strings";
import { usd } from "../../ui/format";
import { Legend } from "../../ui/parts";
import { daysOf, dayName, monthName } from "./months";
import { committed, KINDS, partsOf } from "./sums";
import { Table, type Row } from "./table";

const STEPS = 4;

interface ChartProps {
  month: string;
  rows: Row[];
  total: Sums;
  /** Whether it says what its patterns mean; unneeded where something above it does. */
  legend: boolean;
}

export function DayChart({ month, rows, total, legend }: ChartProps) {
  const [pointed, setPointed] = useState<string | null>(null);
  const by = new Map(rows.map((row) => [row.group, row]));
  const top = roundUp(Math.max(...rows.map(committed), 0));
  const shown = pointed ? by.get(pointed) : undefined;
  return (
    <section class="panel" aria-labelledby="by-day">
      <div class="section-head">
        <h2 id="by-day">{words.byDay}</h2>
        <p class="readout figures" aria-hidden="true">
          {pointed && `${dayName(pointed)}: ${shown ? `${usd(committed(shown).toFixed(6))} · ${words.videos(shown.videos)}` : words.nothing}`}
        </p>
      </div>
      <div
        class="chart"
        role="img"
        aria-label={words.chart(monthName(month), usd(committed(total).toFixed(6)))}
        onPointerLeave={() => setPointed(null)}
      >
        {Array.from({ length: STEPS + 1 }, (_, step) => (
          <span key={step} class="rule" style={{ bottom: `${(step / STEPS) * 100}%` }}>
            <span class="figures">{usd(((top * step) / STEPS).toFixed(6))}</span>
          </span>
        ))}
        <div class="days">
          {daysOf(month).map((day, index) => {
            const row = by.get(day);
            return (
              <span
                key={day}
                class={`day ${day === pointed ? "pointed" : ""}`}
                onPointerEnter={() => setPointed(day)}
                onPointerDown={() => setPointed(day)}
              >
                <span class="stack">
                  {row &&
                    [...KINDS].reverse().map((kind) => (
                      <span
                        key={kind}
                        class={`part ${kind}`}
                        style={{ height: `${(Number(row[kind]) / top) * 100}%` }}
                      />
                    ))}
                </span>
                <span class="date figures">{index % 7 === 0 ? index + 1 : ""}</span>
              </span>
            );
          })}
        </div>
      </div>
      {legend && <Legend parts={partsOf(total)} />}
      <details>
        <summary>{words.table}</summary>
        <Table group="day" rows={rows} name={(row) => dayName(row.group)} />
      </details>
    </section>
  );
}

/** The next amount whose quarters are easy to read. */
function roundUp(amount: number): number {
  if (amount <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(amount));
  return [1, 2, 4, 8, 10].map((step) => step * power).find((step) => step >= amount) ?? amount;
}
