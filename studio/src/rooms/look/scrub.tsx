// A film's picture, through which a pointer looks by moving across, and a keyboard with comma and point.

import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Video } from "../../api/types";
import { usePoster } from "../../media/poster";
import { frameStyle, useStrip } from "../../media/strip";

/** How long a pointer rests before a strip is asked for: crossing the wall asks for nothing. */
const INTENT = 90;
const STEPS = 10;

export function Scrub({ video, share }: { video: Video; share: Signal<number | null> }) {
  const wanted = useSignal(false);
  const box = useRef<HTMLSpanElement>(null);
  const poster = usePoster(video);
  const strip = useStrip(video, 0, wanted.value);
  const looks = share.value !== null;
  useEffect(() => {
    if (!looks) return;
    const timer = setTimeout(() => (wanted.value = true), INTENT);
    return () => clearTimeout(timer);
  }, [looks]);
  const move = (event: PointerEvent): void => {
    const width = box.current?.clientWidth ?? 1;
    const left = box.current?.getBoundingClientRect().left ?? 0;
    share.value = Math.min(0.999, Math.max(0, (event.clientX - left) / width));
  };
  return (
    <span ref={box} class="scrub" onPointerMove={move} onPointerLeave={() => (share.value = null)} onPointerCancel={() => (share.value = null)}>
      {poster && <img src={poster} alt="" draggable={false} />}
      {looks && strip && <span class="scrub-frame" style={frameStyle(strip, share.value ?? 0)} />}
      {looks && <span class="scrub-at" style={{ "--at": (share.value ?? 0).toFixed(3) }} />}
    </span>
  );
}

/** The share one step on (1) or back (-1). */
export function stepped(share: number | null, direction: 1 | -1): number {
  const cell = share === null ? (direction > 0 ? -1 : 1) : Math.floor(share * STEPS);
  return (((cell + direction + STEPS) % STEPS) + 0.5) / STEPS;
}
