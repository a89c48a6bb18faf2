import { useState } from "preact/hooks";
import type { Batch } from "../../api/batches";
import { go } from "../../router";
import { batches as words } from "../../strings";
import { useAction } from "../../ui/action";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { NumberField } from "../../ui/field";
import { amount, retry, roundedUp } from "./orders";

export function RetryDialog({ batch, rest, onClose }: { batch: Batch; rest: number; onClose: () => void }) {
  const { busy, problem, run } = useAction();
  // what the rest would cost at the price of the whole
  const share = (Number(batch.cost.estimated) * rest) / (batch.request_counts.total || 1);
  const [budget, setBudget] = useState(roundedUp(share));
  const [wrong, setWrong] = useState(false);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const limit = amount(budget);
    setWrong(limit === null);
    if (limit !== null) void run(async () => go("batches", (await retry(batch, limit)).id));
  };
  return (
    <Dialog title={words.retryTitle} onClose={onClose}>
      <form class="terms" onSubmit={submit} noValidate>
        <p>{words.retryText(rest)}</p>
        <NumberField
          id="retry-budget"
          label={words.check.budget}
          hint={words.check.budgetHint}
          error={wrong ? words.check.noAmount : null}
          inputMode="decimal"
          value={budget}
          onInput={setBudget}
        />
        <p class="field-error" role="alert">
          {problem.value}
        </p>
        <div class="dialog-foot">
          <Button onClick={onClose}>{words.cancelling.no}</Button>
          <Button kind="primary" submit busy={busy.value}>
            {words.retryYes}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
