// The fields that a model takes beside the API's own, as its operator describes them.

import { useRef } from "preact/hooks";
import type { Parameter, Value } from "../../api/types";
import { change, draft } from "../../store/draft";
import { make as words } from "../../strings";
import { describedBy, Field } from "../../ui/field";
import { errorOf } from "./composer";
import type { Chosen } from "./form";

export function Parameters({ choice }: { choice: Chosen }) {
  const all = Object.entries(choice.model.capabilities.parameters);
  if (!all.length) return null;
  return (
    <details class="more" open={all.some(([name]) => errorOf(name) !== null)}>
      <summary>{words.more}</summary>
      {all.map(([name, parameter]) => (
        <Field key={name} id={name} label={name.replaceAll("_", " ")} hint={bounds(parameter)} error={errorOf(name)}>
          <Control name={name} parameter={parameter} />
        </Field>
      ))}
    </details>
  );
}

function bounds({ minimum, maximum, max_length }: Parameter): string | undefined {
  if (minimum !== null && maximum !== null) return `${minimum} – ${maximum}`;
  if (minimum !== null) return `≥ ${minimum}`;
  if (maximum !== null) return `≤ ${maximum}`;
  return max_length === null ? undefined : words.tooLong(max_length);
}

function Control({ name, parameter }: { name: string; parameter: Parameter }) {
  const value = draft.value.parameters[name] ?? "";
  const put = (given: Value): void => {
    const { [name]: _, ...others } = draft.value.parameters;
    change({ parameters: given === "" ? others : { ...others, [name]: given } });
  };
  const common = { id: name, "aria-describedby": describedBy(name) };
  const options = parameter.enum ?? (parameter.type === "boolean" ? [true, false] : null);
  if (options) {
    return (
      <select
        {...common}
        value={String(value)}
        onChange={(event) => put(options.find((each) => String(each) === event.currentTarget.value) ?? "")}
      >
        <option value="" />
        {options.map((each) => (
          <option key={String(each)} value={String(each)}>
            {String(each)}
          </option>
        ))}
      </select>
    );
  }
  if (parameter.type === "string") {
    return (
      <textarea
        {...common}
        rows={2}
        value={String(value)}
        {...(parameter.max_length ? { maxLength: parameter.max_length } : {})}
        onInput={(event) => put(event.currentTarget.value)}
      />
    );
  }
  return <NumberInput common={common} parameter={parameter} value={value} put={put} />;
}

interface NumberInputProps {
  common: { id: string; "aria-describedby": string };
  parameter: Parameter;
  value: Value;
  put: (given: Value) => void;
}

/** What is typed stays as it is while it means the value: `0.0` on the way to `0.05`. */
function NumberInput({ common, parameter, value, put }: NumberInputProps) {
  const typed = useRef("");
  return (
    <input
      {...common}
      type="number"
      step={parameter.type === "integer" ? 1 : "any"}
      {...(parameter.minimum === null ? {} : { min: parameter.minimum })}
      {...(parameter.maximum === null ? {} : { max: parameter.maximum })}
      value={meant(typed.current) === value ? typed.current : String(value)}
      onInput={(event) => {
        typed.current = event.currentTarget.value;
        put(meant(typed.current));
      }}
    />
  );
}

const meant = (text: string): Value => (text === "" ? "" : Number(text));
