// The form. Each part shows the error that names its field; what names none stands at the button.

import { change, draft, model } from "../../store/draft";
import { models } from "../../store/models";
import { make as words, shell } from "../../strings";
import { Button } from "../../ui/button";
import { describedBy, Field } from "../../ui/field";
import { day } from "../../ui/format";
import { chosen, fields } from "./form";
import { Parameters } from "./parameters";
import { acceptFiles, StartImage } from "./picture";
import { Price } from "./price";
import { quoteProblem } from "./quote";
import { RequestText } from "./request_text";
import { Length, SizeChoice, Variants } from "./shape";
import { make, problem, sending } from "./submit";

const PLACED = new Set(["prompt", "model", "size", "seconds", "n_variants", "input_reference"]);

/** The error of a field, from the last create or the last quote. */
export function errorOf(field: string): string | null {
  const found = problem.value ?? quoteProblem.value;
  return found?.param === field ? found.message : null;
}

export function Composer() {
  const choice = chosen.value;
  const remixing = draft.value.remixOf !== null;
  const onKey = (event: KeyboardEvent): void => {
    if (event.key !== "Enter") return;
    const sends = event.ctrlKey || event.metaKey;
    const writes = event.target instanceof HTMLTextAreaElement && !sends;
    if (sends || (event.repeat && !writes)) event.preventDefault();
    if (sends && !event.repeat) void make(); // a key that is held asks once
  };
  const onSubmit = (event: Event): void => {
    event.preventDefault();
    void make();
  };
  return (
    <form
      class="composer"
      aria-label={words.title}
      onSubmit={onSubmit}
      onKeyDown={onKey}
      onPaste={(event) => acceptFiles(event, event.clipboardData)}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => acceptFiles(event, event.dataTransfer)}
      noValidate
    >
      <Prompt />
      {remixing && (
        <p class="notice">
          {words.remixing}{" "}
          <Button kind="quiet" onClick={() => change({ remixOf: null })}>
            {words.stopRemixing}
          </Button>
        </p>
      )}
      {!choice && <p class="hint">{models.value ? words.noModels : shell.loading}</p>}
      {choice && !remixing && (
        <div class="settings">
          <ModelChoice />
          <SizeChoice choice={choice} />
          <Length choice={choice} />
          <Variants choice={choice} />
          <StartImage choice={choice} />
          <Parameters choice={choice} />
        </div>
      )}
      {choice && !remixing && <RequestText />}
      <Send />
    </form>
  );
}

function Prompt() {
  const most = model.value?.capabilities.prompt_characters ?? Infinity;
  const long = draft.value.prompt.length > most ? words.tooLong(most) : null;
  const error = long ?? errorOf("prompt");
  return (
    <Field id="prompt" label={words.prompt} error={error}>
      <textarea
        id="prompt"
        class="prompt"
        rows={4}
        placeholder={words.promptHint}
        value={draft.value.prompt}
        onInput={(event) => change({ prompt: event.currentTarget.value })}
        aria-describedby={describedBy("prompt")}
        aria-invalid={error ? true : undefined}
        autofocus
      />
    </Field>
  );
}

function ModelChoice() {
  const all = models.value ?? [];
  const made = model.value;
  if (!made) return null;
  const notice =
    made.deployments.find((each) => each.notice)?.notice ??
    (made.lifecycle === "retiring" && made.retires_at ? words.retires(day(made.retires_at)) : undefined);
  return (
    <Field id="model" label={words.model} hint={notice} error={errorOf("model")}>
      <select
        id="model"
        value={made.id}
        onChange={(event) => change({ model: event.currentTarget.value })}
        aria-describedby={describedBy("model")}
      >
        {all.map((each) => (
          <option key={each.id} value={each.id}>
            {each.id}
            {each.lifecycle === "retired" ? ` (${words.retired})` : ""}
          </option>
        ))}
      </select>
    </Field>
  );
}

/** The second click of a double one may come after the answer to the first. */
function once(event: MouseEvent): void {
  if (event.detail > 1) event.preventDefault();
}

function Send() {
  const busy = sending.value;
  const found = problem.value;
  const elsewhere = found && !PLACED.has(found.param ?? "") ? found : null;
  const charged = found?.charged === true ? words.charged.yes : words.charged.no;
  return (
    <div class="send">
      <Price />
      <Button kind="primary" submit busy={busy} disabled={!fields.value?.prompt} onClick={once}>
        {busy ? words.submitting : draft.value.remixOf ? words.remix : words.submit}
        <kbd aria-hidden="true">{words.shortcut}</kbd>
      </Button>
      <p class="field-error" role="alert">
        {elsewhere?.message} {found && charged}
      </p>
    </div>
  );
}
