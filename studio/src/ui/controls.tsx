// What a deck is worked with. Where a film's frames are at hand, they are the track: what is below the
// pointer is what will be seen.

import { useSignal } from "@preact/signals";
import type { Deck } from "../media/deck";
import { frameStyle, type Strip } from "../media/strip";
import { look as words } from "../strings";
import { Icon, type IconName } from "./icons";

const RATES = [0.25, 0.5, 1, 2];
const CELLS = 10;

interface ControlsProps {
  deck: Deck;
  strip: Strip | null;
  /** Width by height of a frame of the strip. */
  shape: number;
  onFull?: () => void;
}

export function Controls({ deck, strip, shape, onFull }: ControlsProps) {
  const playing = deck.playing.value;
  return (
    <div class="controls" style={{ "--ratio": shape.toFixed(4) }}>
      <Track deck={deck} strip={strip} />
      <div class="knobs">
        <Knob icon={playing ? "pause" : "play"} label={playing ? words.toPause : words.toPlay} onPress={() => deck.toggle()} main />
        <Knob icon="back" label={words.frameBack} onPress={() => void deck.step(-1)} />
        <Knob icon="on" label={words.frameOn} onPress={() => void deck.step(1)} />
        <Times deck={deck} />
        <label class="rate">
          <span class="visually-hidden">{words.speed}</span>
          <select value={deck.rate.value} onChange={(event) => deck.setRate(Number(event.currentTarget.value))}>
            {RATES.map((rate) => (
              <option key={rate} value={rate}>
                {rate}×
              </option>
            ))}
          </select>
        </label>
        <Knob icon="loop" label={words.loop} pressed={deck.loop.value} onPress={() => deck.setLoop(!deck.loop.value)} />
        <Knob
          icon={deck.muted.value ? "silence" : "sound"}
          label={words.sound}
          pressed={!deck.muted.value}
          onPress={() => deck.setMuted(!deck.muted.value)}
        />
        {onFull && <Knob icon="full" label={words.full} onPress={onFull} />}
      </div>
    </div>
  );
}

interface KnobProps {
  icon: IconName;
  label: string;
  onPress: () => void;
  pressed?: boolean;
  main?: boolean;
}

function Knob({ icon, label, onPress, pressed, main = false }: KnobProps) {
  return (
    <button
      type="button"
      class={main ? "knob main" : "knob"}
      aria-label={label}
      title={label}
      {...(pressed === undefined ? {} : { "aria-pressed": pressed })}
      onClick={onPress}
    >
      <Icon name={icon} />
    </button>
  );
}

function Times({ deck }: { deck: Deck }) {
  const { time, length, frame } = deck;
  return (
    <p class="times figures">
      <b>{time.value.toFixed(2)}</b> / {length.value.toFixed(2)} s
      {frame.value > 0 && !deck.playing.value && (
        <span class="frame-number"> · {words.frame(Math.floor(time.value / frame.value + 0.01))}</span>
      )}
    </p>
  );
}

function Track({ deck, strip }: { deck: Deck; strip: Strip | null }) {
  const pointed = useSignal<number | null>(null);
  const length = deck.length.value || 1;
  const share = Math.min(1, deck.time.value / length);
  const point = (event: PointerEvent): void => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    pointed.value = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  };
  const seek = (event: Event): void => {
    deck.pause();
    deck.seek(Number((event.currentTarget as HTMLInputElement).value));
  };
  return (
    <div
      class={strip ? "track filmed" : "track"}
      style={{ "--share": share.toFixed(4) }}
      onPointerMove={point}
      onPointerLeave={() => (pointed.value = null)}
    >
      <div class="cells" aria-hidden="true">
        {strip && Array.from({ length: CELLS }, (_, cell) => (
          <span key={cell}>
            <span style={frameStyle(strip, cell / CELLS)} />
          </span>
        ))}
      </div>
      <input
        type="range"
        min={0}
        max={length}
        step="any"
        value={deck.time.value}
        aria-label={words.position}
        aria-valuetext={words.positionText(deck.time.value.toFixed(1), length.toFixed(1))}
        onInput={seek}
      />
      {pointed.value !== null && (
        <span class="pointed" style={{ "--at": pointed.value.toFixed(4) }} aria-hidden="true">
          {strip && <span class="pointed-frame" style={frameStyle(strip, pointed.value)} />}
          <span class="figures">{(pointed.value * length).toFixed(1)}</span>
        </span>
      )}
    </div>
  );
}
