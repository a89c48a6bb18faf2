// What is being made now: the first ones in detail, and how many are behind them.

import { useEffect, useRef } from "preact/hooks";
import { serverNow } from "../../store/clock";
import { beyond, line } from "../../store/follow";
import { wait as words } from "../../strings";
import { duration } from "../../ui/format";
import { made } from "../make/submit";
import { WaitingCard } from "./card";

export function Works() {
  const { first, rest } = line.value;
  const section = useRef<HTMLElement>(null);
  const shown = useRef(made.value);
  useEffect(() => {
    if (!made.value || made.value === shown.current) return;
    shown.current = made.value;
    // on a phone the form fills the screen: show that something has happened
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    section.current?.scrollIntoView({ block: "nearest", behavior: calm ? "instant" : "smooth" });
  }, [made.value]);
  if (!first.length) return null;
  const all = [...first, ...rest];
  const rendering = all.filter((each) => each.status === "in_progress").length;
  return (
    <section aria-labelledby="works-title" ref={section}>
      <h2 id="works-title">{words.title}</h2>
      {rest.length > 0 && <p class="hint figures">{words.many(rendering, all.length - rendering)}</p>}
      <ul class="cards">
        {first.map((video) => (
          <li key={video.id}>
            <WaitingCard video={video} />
          </li>
        ))}
      </ul>
      {rest.length > 0 && (
        <p class="hint figures" data-more={rest.length}>
          {words.more(rest.length, beyond.value)}
          {!beyond.value && lastOf(rest.map((each) => each.estimated_completion_at))}.
        </p>
      )}
    </section>
  );
}

/** When the last one is expected; nothing while that is not known of all. */
function lastOf(ends: (number | null)[]): string {
  const known = ends.filter((each) => each !== null);
  if (known.length < ends.length) return "";
  return words.last(duration(Math.max(...known) - serverNow()));
}
