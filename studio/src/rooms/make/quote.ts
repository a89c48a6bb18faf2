// The price of the form as it stands, asked a moment after the last change. The prompt costs nothing,
// so typing asks nothing. The price of a form that was changed since is none of this one's: until the
// app has answered, there is none.

import { computed, effect } from "@preact/signals";
import { ApiError, sameSession, send } from "../../api/client";
import type { ErrorDetail, Quote } from "../../api/types";
import { persist } from "../../store/connection";
import { isNobody, ofCaller, signedIn } from "../../store/session";
import { fields } from "./form";

const AFTER = 350;
/** Seconds until a quote that was refused for now is asked again, where the app names none. */
const LATER = 5;

interface Answered {
  /** What was asked. */
  body: string;
  quote: Quote | null;
  problem: ErrorDetail | null;
}

const latest = ofCaller<Answered | null>(null);

/** What the price depends on. */
const priced = computed(() =>
  fields.value ? JSON.stringify({ ...fields.value, prompt: "x" }) : null,
);

const answered = computed(() => (latest.value?.body === priced.value ? latest.value : null));
export const quote = computed(() => answered.value?.quote ?? null);
export const quoteProblem = computed(() => answered.value?.problem ?? null);

let asked = new AbortController();

export function startQuotes(): () => void {
  let timer = 0;
  const stop = effect(() => {
    const body = priced.value;
    clearTimeout(timer);
    asked.abort();
    if (!body || !signedIn.value) return;
    timer = window.setTimeout(() => void ask(body), latest.peek() ? AFTER : 0);
  });
  return () => {
    stop();
    clearTimeout(timer);
    asked.abort();
  };
}

/** Ask again with the same form: the budget has changed. */
export function requote(): void {
  const body = priced.peek();
  if (body) void ask(body);
}

/** Until the app says what it costs, or why it cannot be made; the next question ends this one. */
async function ask(body: string): Promise<void> {
  asked.abort();
  asked = new AbortController();
  const { signal } = asked;
  const check = sameSession();
  const call = { body: JSON.parse(body), signal };
  for (;;) {
    try {
      check();
      const { data } = await persist(() => send<Quote>("POST", "/quotes", call));
      latest.value = { body, quote: data, problem: null };
      return;
    } catch (error) {
      if (signal.aborted || isNobody(error)) return;
      if (!(error instanceof ApiError)) throw error;
      if (error.status !== 429) {
        latest.value = { body, quote: null, problem: error.detail };
        return;
      }
      await new Promise((next) => setTimeout(next, (error.retryAfter ?? LATER) * 1000));
      if (signal.aborted) return;
    }
  }
}
