import type { ComponentChildren } from "preact";

interface FieldProps {
  id: string;
  label: string;
  hint?: string | undefined;
  error?: string | null | undefined;
  children: ComponentChildren;
}

/** A labelled control with its hint and its error; the control has the id, and `describedBy(id)`. */
export function Field({ id, label, hint, error, children }: FieldProps) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children}
      {hint && <p class="hint" id={`${id}-hint`}>{hint}</p>}
      <FieldError id={id} error={error} />
    </div>
  );
}

interface NumberProps extends Omit<FieldProps, "children"> {
  hint: string;
  inputMode: "decimal" | "numeric";
  value: string;
  onInput: (value: string) => void;
}

/** A number in its own words, such as an amount. */
export function NumberField({ inputMode, value, onInput, ...field }: NumberProps) {
  return (
    <Field {...field}>
      <input
        id={field.id}
        inputMode={inputMode}
        autocomplete="off"
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
        aria-describedby={describedBy(field.id)}
        aria-invalid={field.error ? true : undefined}
      />
    </Field>
  );
}

export function FieldError({ id, error }: { id: string; error?: string | null | undefined }) {
  return (
    <p class="field-error" id={`${id}-error`} role="alert">
      {error}
    </p>
  );
}

export const describedBy = (id: string): string => `${id}-hint ${id}-error`;

interface ChoiceProps<T> {
  legend: string;
  name: string;
  options: readonly T[];
  value: T;
  onChoose: (value: T) => void;
  text: (value: T) => ComponentChildren;
  error?: string | null | undefined;
  kind?: "segments" | "shapes";
}

/** One of a few, as radio buttons that look like buttons. */
export function Choice<T extends string | number>(props: ChoiceProps<T>) {
  const { legend, name, options, value, onChoose, text, error, kind = "segments" } = props;
  return (
    <fieldset class="field choice">
      <legend>{legend}</legend>
      <div class={kind}>
        {options.map((option) => (
          <label key={option} class="option">
            <input
              type="radio"
              name={name}
              value={option}
              checked={option === value}
              onChange={() => onChoose(option)}
            />
            <span>{text(option)}</span>
          </label>
        ))}
      </div>
      <FieldError id={name} error={error} />
    </fieldset>
  );
}
