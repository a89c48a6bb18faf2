// Sums of the ledger: what they commit, and their parts.

import type { Sums } from "../../api/types";
import { money as words } from "../../strings";
import { usd } from "../../ui/format";
import type { Part } from "../../ui/parts";

export const KINDS = ["settled", "reserved", "unknown"] as const;

/** US dollars that are spent or may be: what a budget is held against. */
export const committed = (sums: Pick<Sums, (typeof KINDS)[number]>): number =>
  KINDS.reduce((sum, kind) => sum + Number(sums[kind]), 0);

export const partsOf = (sums: Pick<Sums, (typeof KINDS)[number]>): Part[] =>
  KINDS.map((kind) => ({
    kind,
    label: words.kinds[kind],
    amount: Number(sums[kind]),
    text: usd(sums[kind]),
  }));
