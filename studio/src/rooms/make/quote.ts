// The price of the form as it stands, asked a moment after the last change. The prompt costs nothing,
// so typing asks nothing.

import { computed, effect } from "@preact/signals";
import { ApiError, send } from "../../api/client";
import type { ErrorDetail, Quote } from "../../api/types";
import { isNobody, ofCaller, signedIn } from "../../store/session";
import { fields } from "./form";

const AFTER = 350;

export const quote = ofCaller<Quote | null>(null);
export const quoteProblem = ofCaller<ErrorDetail | null>(null);

/** What the price depends on. */
const priced = computed(() =>
  fields.value ? JSON.stringify({ ...fields.value, prompt: "x" }) : null,
);

export function startQuotes(): () => void {
  let timer = 0;
  let asked: AbortController | null = null;
  const stop = effect(() => {
    const body = priced.value;
    clearTimeout(timer);
    asked?.abort();
    if (!body || !signedIn.value) return;
    timer = window.setTimeout(() => {
      asked = new AbortController();
      void ask(body, asked.signal);
    }, quote.peek() ? AFTER : 0);
  });
  return () => {
    stop();
    clearTimeout(timer);
    asked?.abort();
  };
}

/** Ask again with the same form: the budget has changed. */
export function requote(): void {
  if (priced.peek()) void ask(priced.peek() ?? "", new AbortController().signal);
}

async function ask(body: string, signal: AbortSignal): Promise<void> {
  try {
    quote.value = (await send<Quote>("POST", "/quotes", { body: JSON.parse(body), signal })).data;
    quoteProblem.value = null;
  } catch (error) {
    if (signal.aborted || isNobody(error)) return;
    if (error instanceof ApiError && error.status === 400) {
      quote.value = null;
      quoteProblem.value = error.detail;
    }
  }
}
