// What is spent and what is left this month.

import { computed } from "@preact/signals";
import { get } from "../api/client";
import type { Usage } from "../api/types";
import { persist } from "./connection";
import { isNobody, ofCaller } from "./session";

/** This month; null until it is read, and after the session. */
export const month = ofCaller<Usage["month_to_date"] | null>(null);

const everybody = ofCaller(false);

/** Whether the caller is an admin: only an admin is shown everybody's money. */
export const admin = computed(() => month.value !== null && everybody.value);

/** Read it again; what is shown may be old for a while where that fails. */
export async function loadMonth(): Promise<void> {
  const read = (): Promise<Usage> => get<Usage>("/usage");
  try {
    const usage = month.value === null ? await persist(read) : await read();
    everybody.value = usage.caller === null;
    month.value = usage.month_to_date;
  } catch (error) {
    isNobody(error);
  }
}
