import { useState } from "preact/hooks";
import type { Batch } from "../../api/batches";
import { go } from "../../router";
import { batches as words } from "../../strings";
import { useAction } from "../../ui/action";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { describedBy, Field } from "../../ui/field";
import { amount, order, retry, roundedUp } from "./orders";

interface CancelProps {
  batch: Batch;
  onClose: () => void;
  onDone: (after: Batch) => void;
}

export function CancelDialog({ batch, onClose, onDone }: CancelProps) {
  const { busy, problem, run } = useAction();
  const confirm = (): Promise<void> =>
    run(async () => {
      onDone(await order(batch, "cancel"));
      onClose();
    });
  return (
    <Dialog title={words.cancelTitle} onClose={onClose}>
      <p>{words.cancelText}</p>
      <p class="field-error" role="alert">
        {problem.value}
      </p>
      <div class="dialog-foot">
        <Button onClick={onClose}>{words.cancelNo}</Button>
        <Button kind="danger" busy={busy.value} onClick={() => void confirm()}>
          {words.cancelYes}
        </Button>
      </div>
    </Dialog>
  );
}

export function RetryDialog({ batch, rest, onClose }: { batch: Batch; rest: number; onClose: () => void }) {
  const { busy, problem, run } = useAction();
  const [wrong, setWrong] = useState<string | null>(null);
  // what the rest would cost at the price of the whole
  const share = (Number(batch.cost.estimated) * rest) / (batch.request_counts.total || 1);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const budget = amount(String(new FormData(event.currentTarget as HTMLFormElement).get("budget")));
    setWrong(budget ? null : words.check.noAmount);
    if (budget) void run(async () => go("batches", (await retry(batch, budget)).id));
  };
  return (
    <Dialog title={words.retryTitle} onClose={onClose}>
      <form class="terms" onSubmit={submit} noValidate>
        <p>{words.retryText(rest)}</p>
        <Field id="retry-budget" label={words.check.budget} hint={words.check.budgetHint} error={wrong ?? problem.value}>
          <input
            id="retry-budget"
            name="budget"
            inputMode="decimal"
            autocomplete="off"
            defaultValue={roundedUp(share)}
            aria-describedby={describedBy("retry-budget")}
            aria-invalid={wrong ? true : undefined}
          />
        </Field>
        <div class="dialog-foot">
          <Button onClick={onClose}>{words.cancelNo}</Button>
          <Button kind="primary" submit busy={busy.value}>
            {words.retryYes}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
