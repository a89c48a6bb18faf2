// Sums as a table, with a bar for the share of each row.

import type { ComponentChildren } from "preact";
import type { Sums, Usage } from "../../api/types";
import { money as words } from "../../strings";
import { usd } from "../../ui/format";
import { committed, KINDS, partsOf } from "./sums";

export type Row = Sums & { group: string };

interface TableProps {
  group: Usage["group_by"];
  rows: Row[];
  name: (row: Row) => ComponentChildren;
  /** Whether a bar shows how the rows compare. */
  bars?: boolean;
}

export function Table({ group, rows, name, bars = false }: TableProps) {
  const most = Math.max(...rows.map(committed), 0) || 1;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={words.columns.group[group]}>
      <table class="sums">
        <thead>
          <tr>
            <th scope="col">{words.columns.group[group]}</th>
            {bars && (
              <th scope="col" class="bar-column">
                <span class="visually-hidden">{words.columns.share}</span>
              </th>
            )}
            {KINDS.map((kind) => (
              <th key={kind} scope="col" class="number">
                {words.kindsShort[kind]}
              </th>
            ))}
            <th scope="col" class="number">{words.columns.videos}</th>
            <th scope="col" class="number">{words.columns.seconds}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.group}>
              <th scope="row">{name(row)}</th>
              {bars && (
                <td class="bar-column" aria-hidden="true">
                  <span class="parts thin" style={{ width: `${(committed(row) / most) * 100}%` }}>
                    {partsOf(row).map((part) => (
                      <span
                        key={part.kind}
                        class={`part ${part.kind}`}
                        style={{ width: `${(part.amount / (committed(row) || 1)) * 100}%` }}
                      />
                    ))}
                  </span>
                </td>
              )}
              {KINDS.map((kind) => (
                <td key={kind} class="number figures">
                  {usd(row[kind])}
                </td>
              ))}
              <td class="number figures">{row.videos.toLocaleString()}</td>
              <td class="number figures">{row.seconds.toLocaleString()}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
