// The files of a batch, to save.

import { type Batch, isRunning } from "../../api/batches";
import { batches as words } from "../../strings";
import { useAction } from "../../ui/action";
import { save } from "../../ui/save";
import { nameOf } from "./orders";

export function Results({ batch }: { batch: Batch }) {
  const stem = (nameOf(batch) ?? batch.id).replace(/\.(csv|jsonl)$/i, "");
  const files: [string | null, string, string, string][] = [
    [batch.table_file_id, words.results.table, words.results.tableHint, `${stem} results.csv`],
    [batch.output_file_id, words.results.output, words.results.jsonl, `${stem} output.jsonl`],
    [batch.error_file_id, words.results.errors, words.results.jsonl, `${stem} errors.jsonl`],
    [batch.input_file_id, words.results.input, words.results.jsonl, `${stem}.jsonl`],
  ];
  return (
    <section class="panel" aria-labelledby="batch-results">
      <h2 id="batch-results">{words.results.title}</h2>
      {isRunning(batch) && <p class="hint">{words.results.later}</p>}
      <ul class="files">
        {files.map(
          ([id, title, hint, name]) =>
            id && (
              <li key={title}>
                <Saved id={id} title={title} hint={hint} name={name} />
              </li>
            ),
        )}
      </ul>
    </section>
  );
}

function Saved({ id, title, hint, name }: { id: string; title: string; hint: string; name: string }) {
  const { busy, problem, run } = useAction();
  return (
    <>
      <button
        type="button"
        class="file"
        aria-disabled={busy.value || undefined}
        onClick={() => void run(() => save(`/files/${id}/content`, name))}
      >
        <b>{title}</b>
        <span class="hint">{busy.value ? words.results.saving : hint}</span>
      </button>
      <p class="field-error" role="alert">
        {problem.value}
      </p>
    </>
  );
}
