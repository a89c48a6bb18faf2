// What the form costs now, what is left of the budget, and how long the line is.

import { draft } from "../../store/draft";
import { now } from "../../store/clock";
import { month } from "../../store/money";
import { videoById } from "../../store/videos";
import { make as words } from "../../strings";
import { duration, usd } from "../../ui/format";
import { quote } from "./quote";

export function Price() {
  const asked = quote.value;
  const budget = month.value;
  const { remixOf } = draft.value;
  // nobody quotes a remix, but it is the same render at the same deployment as its original
  const original = remixOf ? videoById(remixOf)?.cost.estimated : undefined;
  const amount = original ?? asked?.cost.estimated;
  return (
    <div class="price" aria-live="polite">
      <p class="amount">
        <span class="visually-hidden">{words.costs} </span>
        <b class="figures">{amount ? usd(amount) : "–"}</b>
        {remixOf && amount && <span class="hint"> {words.asOriginal}</span>}
      </p>
      <p class="hint">
        {budget?.budget && budget.left && `${words.leftOf(usd(budget.left), usd(budget.budget))} · `}
        {asked && words.ready(duration(asked.estimated_completion_at - now.peek()))}
        {asked && asked.queue_length > 0 && ` · ${words.queue(asked.queue_length)}`}
      </p>
      {asked?.refusal && (
        <p class="notice bad">
          <b>{words.refused}:</b> {asked.refusal.message}
        </p>
      )}
    </div>
  );
}
