// The way in: a key, or Entra where it is set up.

import { useSignal } from "@preact/signals";
import { ApiError } from "./api/client";
import { entra } from "./store/config";
import { enter, refusal, signInWithEntra } from "./store/session";
import { shell } from "./strings";
import { Button } from "./ui/button";
import { describedBy, Field } from "./ui/field";

const { gate } = shell;

export function Gate() {
  const busy = useSignal(false);
  const problem = useSignal<string | null>(null);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const key = String(form.get("key")).trim();
    if (busy.value) return;
    if (!key) {
      problem.value = gate.empty;
      return;
    }
    busy.value = true;
    problem.value = null;
    try {
      await enter(key, form.has("remember"));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      problem.value =
        error.status === 401 ? gate.refused : error.passing ? gate.unreachable : error.message;
    } finally {
      busy.value = false;
    }
  };
  const toEntra = async (): Promise<void> => {
    problem.value = null;
    try {
      await signInWithEntra();
    } catch {
      problem.value = gate.entraUnreachable;
    }
  };
  const error = problem.value ?? (busy.value ? null : refusal.value);
  return (
    <div class="gate">
      <div class="leader big" aria-hidden="true">
        <span class="sweep" />
        <span class="count">3</span>
      </div>
      <div class="gate-form">
        <h1>{gate.title}</h1>
        <p class="lead">{gate.lead}</p>
        {entra && (
          <>
            <Button kind="primary" onClick={() => void toEntra()}>
              {gate.entra}
            </Button>
            <p class="or">{gate.or}</p>
          </>
        )}
        <form onSubmit={(event) => void submit(event)} noValidate>
          <Field id="key" label={gate.key} hint={gate.keyHint} error={error}>
            <input
              id="key"
              name="key"
              type="password"
              autocomplete="current-password"
              spellcheck={false}
              aria-describedby={describedBy("key")}
              aria-invalid={error ? true : undefined}
            />
          </Field>
          <label class="check">
            <input type="checkbox" name="remember" /> {gate.remember}
          </label>
          <Button kind={entra ? "plain" : "primary"} submit busy={busy.value}>
            {busy.value ? gate.entering : gate.enter}
          </Button>
        </form>
      </div>
    </div>
  );
}
