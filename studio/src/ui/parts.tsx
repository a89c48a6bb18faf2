// A bar of parts of a whole: each has a name, an amount and a colour.

import type { ComponentChildren } from "preact";

export interface Part {
  /** Of the stylesheet: `settled`, `failed` and the like. */
  kind: string;
  label: string;
  amount: number;
  /** The amount as it is read. */
  text: string;
}

interface PartsProps {
  label: string;
  parts: Part[];
  /** What the parts are held against, where they do not fill it. */
  whole?: number;
}

export function Parts({ label, parts, whole }: PartsProps) {
  const sum = Math.max(whole ?? 0, parts.reduce((before, each) => before + each.amount, 0)) || 1;
  const said = parts.filter((each) => each.amount > 0).map((each) => `${each.label}: ${each.text}`);
  return (
    <div class="parts" role="img" aria-label={`${label}. ${said.join(", ")}`}>
      {parts.filter((each) => each.amount > 0).map((each) => (
        <span
          key={each.kind}
          class={`part ${each.kind}`}
          style={{ width: `${(each.amount / sum) * 100}%` }}
        />
      ))}
    </div>
  );
}

/** The parts by name; those of nothing are left out. */
export function Legend({ parts }: { parts: Part[] }) {
  return (
    <ul class="chart-key">
      {parts
        .filter((each) => each.amount > 0)
        .map((each) => (
          <li key={each.kind}>
            <span class={`swatch part ${each.kind}`} aria-hidden="true" />
            {each.label} <b class="figures">{each.text}</b>
          </li>
        ))}
    </ul>
  );
}

/** A word in a pill: how something is. */
export function Pill({ kind, children }: { kind: "good" | "bad" | "busy" | "held" | "plain"; children: ComponentChildren }) {
  return <span class={`pill ${kind}`}>{children}</span>;
}
