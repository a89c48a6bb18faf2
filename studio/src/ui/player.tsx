// A finished video, or several that play as one, with everything that they are worked with. Single
// letters are keys only while the focus is inside.

import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { Video } from "../api/types";
import { Deck } from "../media/deck";
import { outputOf } from "../media/poster";
import { useStrip } from "../media/strip";
import { look as words } from "../strings";
import { Controls } from "./controls";
import { Film } from "./film";

export interface Shown {
  video: Video;
  index: number;
  label?: string;
  below?: ComponentChildren;
}

interface PlayerProps {
  films: readonly Shown[];
  autoplay?: boolean;
  /** Whether it takes the focus, and so the keys, when it comes. */
  focused?: boolean;
}

const calm = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;

export function Player({ films, autoplay = false, focused = false }: PlayerProps) {
  const deck = useMemo(() => new Deck(autoplay), []);
  const box = useRef<HTMLDivElement>(null);
  const [first] = films;
  const strip = useStrip(first!.video, first!.index, true);
  useEffect(() => {
    if (focused) box.current?.focus({ preventScroll: true });
  }, []);
  const full = (): void => {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void box.current?.requestFullscreen?.().catch(() => {});
  };
  return (
    <div
      ref={box}
      class={films.length > 1 ? "stage several" : "stage"}
      role="group"
      aria-label={words.player}
      tabIndex={0}
      onKeyDown={(event) => pressed(event, deck, full)}
    >
      <ul class="films">
        {films.map(({ video, index, label, below }) => {
          return (
            <li
              key={`${video.id} ${index}`}
              style={{ "--ratio": shapeOf(video, index).toFixed(4) }}
              onClick={(event) => event.target instanceof HTMLVideoElement && deck.toggle()}
            >
              <Film video={video} index={index} deck={deck} {...(label ? { label } : {})} />
              {below}
            </li>
          );
        })}
      </ul>
      <Controls deck={deck} strip={strip} shape={shapeOf(first!.video, first!.index)} {...(document.fullscreenEnabled ? { onFull: full } : {})} />
    </div>
  );
}

/** Whether a player plays at once: not for those who asked for less motion. */
export const playsAtOnce = (): boolean => !calm();

function shapeOf(video: Video, index: number): number {
  const output = outputOf(video, index);
  return output && output.height ? output.width / output.height : 16 / 9;
}

function pressed(event: KeyboardEvent, deck: Deck, full: () => void): void {
  if (event.ctrlKey || event.metaKey || event.altKey || !(event.target instanceof HTMLElement)) return;
  const work = workOf(event.key, event.target, deck, full);
  if (!work) return;
  event.preventDefault();
  event.stopPropagation();
  work();
}

function workOf(key: string, target: HTMLElement, deck: Deck, full: () => void): (() => unknown) | null {
  const tag = target.tagName;
  if (tag === "SELECT") return null;
  switch (key.toLowerCase()) {
    case " ":
      return tag === "BUTTON" ? null : () => deck.toggle();
    case "k":
      return () => deck.toggle();
    case ",":
      return () => deck.step(-1);
    case ".":
      return () => deck.step(1);
    case "arrowleft":
      return () => deck.seek(deck.time.value - 1);
    case "arrowright":
      return () => deck.seek(deck.time.value + 1);
    case "home":
      return () => deck.seek(0);
    case "end":
      return () => deck.seek(deck.length.value);
    case "l":
      return () => deck.setLoop(!deck.loop.value);
    case "m":
      return () => deck.setMuted(!deck.muted.value);
    case "f":
      return full;
    default:
      return null;
  }
}
