// An answer of the API that is asked for again and again while a room shows it.

import { useEffect, useState } from "preact/hooks";
import { ApiError, get } from "../api/client";
import { persist } from "./connection";
import { isNobody } from "./session";

const UNSEEN = 20;

export interface Polled<T> {
  /** The latest answer to this path; null until there is one. */
  value: T | null;
  /** Why there is none. */
  error: string | null;
  /** Take over what another request has answered. */
  learn: (value: T) => void;
  /** Ask now. */
  again: () => void;
}

/** `every` says after how many seconds an answer is old; null: never. */
export function usePolled<T>(path: string, every: (value: T) => number | null): Polled<T> {
  const [turn, setTurn] = useState(0);
  const [state, setState] = useState<{ path: string; value: T | null; error: string | null }>({
    path,
    value: null,
    error: null,
  });
  useEffect(() => {
    const left = new AbortController();
    void (async () => {
      for (;;) {
        let value: T;
        try {
          value = await persist(() => get<T>(path, left.signal));
        } catch (error) {
          if (left.signal.aborted || isNobody(error)) return;
          if (!(error instanceof ApiError)) throw error;
          setState({ path, value: null, error: error.message });
          return;
        }
        if (left.signal.aborted) return;
        setState({ path, value, error: null });
        const seconds = every(value);
        if (seconds === null) return;
        await pause(seconds, left.signal);
        if (left.signal.aborted) return;
      }
    })();
    return () => left.abort();
  }, [path, turn]);
  const mine = state.path === path ? state : { value: null, error: null };
  return {
    value: mine.value,
    error: mine.error,
    learn: (value) => {
      setState({ path, value, error: null });
      setTurn((before) => before + 1); // what is on its way may be older
    },
    again: () => setTurn((before) => before + 1),
  };
}

/** Longer while the page is not seen; over at once when it is seen again, or the room is left. */
function pause(seconds: number, left: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", done);
      left.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, (document.hidden ? UNSEEN : seconds) * 1000);
    document.addEventListener("visibilitychange", done);
    left.addEventListener("abort", done);
  });
}
