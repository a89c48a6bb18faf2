// Size, length and variants.

import { sides } from "../../api/sizes";
import { change } from "../../store/draft";
import { make as words } from "../../strings";
import { Choice, describedBy, Field } from "../../ui/field";
import { size as shown } from "../../ui/format";
import { errorOf } from "./composer";
import { type Chosen, offered } from "./form";

const BOX = 34;
const FEW = 6;

export function SizeChoice({ choice }: { choice: Chosen }) {
  const { capabilities } = choice.model;
  const sizes = offered(capabilities);
  const options = sizes.includes(choice.size) ? sizes : [...sizes, choice.size];
  return (
    <>
      <Choice
        legend={words.size}
        name="size"
        kind="shapes"
        options={options}
        value={choice.size}
        onChoose={(size) => change({ size })}
        text={(size) => (
          <>
            <Shape size={size} /> <span class="figures">{shown(size)}</span>
          </>
        )}
        error={errorOf("size")}
      />
      {capabilities.size_rules.length > 0 && <OtherSize choice={choice} />}
    </>
  );
}

/** A rectangle of the size's shape; sizes of one shape differ by their weight. */
function Shape({ size }: { size: string }) {
  const [width, height] = sides(size);
  const scale = BOX / Math.max(width, height);
  return (
    <svg class="shape" viewBox={`0 0 ${BOX} ${BOX}`} width={BOX} height={BOX} aria-hidden="true">
      <rect
        x={(BOX - width * scale) / 2 + 1}
        y={(BOX - height * scale) / 2 + 1}
        width={width * scale - 2}
        height={height * scale - 2}
        rx="2"
      />
    </svg>
  );
}

/** Sides of any length that a rule allows; what it does not allow is put right when left. */
function OtherSize({ choice }: { choice: Chosen }) {
  const [rule] = choice.model.capabilities.size_rules;
  const [width, height] = sides(choice.size);
  if (!rule) return null;
  const side = (id: string, label: string, value: number, put: (side: number) => string) => (
    <Field id={id} label={label}>
      <input
        id={id}
        type="number"
        inputMode="numeric"
        min={rule.min}
        max={rule.max}
        step={rule.multiple_of}
        value={value}
        onChange={(event) => {
          const snapped = Math.round(Number(event.currentTarget.value) / rule.multiple_of) * rule.multiple_of;
          change({ size: put(Math.min(rule.max, Math.max(rule.min, snapped))) });
        }}
      />
    </Field>
  );
  return (
    <details class="other-size">
      <summary>{words.custom}</summary>
      <div class="pair">
        {side("width", words.width, width, (changed) => `${changed}x${height}`)}
        {side("height", words.height, height, (changed) => `${width}x${changed}`)}
      </div>
    </details>
  );
}

export function Length({ choice }: { choice: Chosen }) {
  const { lengths, seconds } = choice;
  const put = (value: number): void => change({ seconds: value });
  if (lengths.length <= FEW) {
    return (
      <Choice
        legend={words.seconds}
        name="seconds"
        options={lengths}
        value={seconds}
        onChoose={put}
        text={words.inSeconds}
        error={errorOf("seconds")}
      />
    );
  }
  return (
    <Field id="seconds" label={`${words.seconds}: ${words.inSeconds(seconds)}`} error={errorOf("seconds")}>
      <input
        id="seconds"
        type="range"
        min={0}
        max={lengths.length - 1}
        value={lengths.indexOf(seconds)}
        aria-valuetext={words.inSeconds(seconds)}
        aria-describedby={describedBy("seconds")}
        onInput={(event) => put(lengths[Number(event.currentTarget.value)] ?? seconds)}
      />
    </Field>
  );
}

export function Variants({ choice }: { choice: Chosen }) {
  if (choice.mostVariants < 2) return null;
  return (
    <Choice
      legend={words.variants}
      name="n_variants"
      options={Array.from({ length: choice.mostVariants }, (_, index) => index + 1)}
      value={choice.variants}
      onChoose={(variants) => change({ variants })}
      text={String}
      error={errorOf("n_variants")}
    />
  );
}
