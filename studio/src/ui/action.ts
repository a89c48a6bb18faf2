// A press of a button that asks the API for something: busy until it answers, and what it refused.

import { useSignal, type ReadonlySignal } from "@preact/signals";
import { ApiError } from "../api/client";
import { isNobody } from "../store/session";
import { shell } from "../strings";

export interface Action {
  busy: ReadonlySignal<boolean>;
  problem: ReadonlySignal<string | null>;
  /** Do it, unless it is being done. */
  run: (work: () => Promise<void>) => Promise<void>;
}

export function useAction(): Action {
  const busy = useSignal(false);
  const problem = useSignal<string | null>(null);
  const run = async (work: () => Promise<void>): Promise<void> => {
    if (busy.value) return;
    busy.value = true;
    problem.value = null;
    try {
      await work();
    } catch (error) {
      if (isNobody(error)) return;
      if (!(error instanceof ApiError)) throw error;
      problem.value = error.message || shell.tryLater; // nobody answered, and said nothing
    } finally {
      busy.value = false;
    }
  };
  return { busy, problem, run };
}
