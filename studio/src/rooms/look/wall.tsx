// The films that match, of thousands: only the rows in sight and a few around them are elements.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Video } from "../../api/types";
import { now } from "../../store/clock";
import { removeSoon } from "../../store/removal";
import { isUnfinished } from "../../store/videos";
import { look as words } from "../../strings";
import { Frame } from "./frame";
import { beside, between, layOut, px, type Wall as Laid } from "./layout";

const AHEAD = 500;
const NARROW = 640;
/** What covers the top of the page: the filters. */
const COVERED = 96;

interface WallProps {
  videos: readonly Video[];
  /** Where somebody left off: the video that was open. */
  start: string | null;
  onNearEnd: () => void;
}

export function Wall({ videos, start, onNearEnd }: WallProps) {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const laid = useMemo(
    () => layOut(videos, width, width < NARROW ? 150 : 215, now.peek()),
    [videos, width],
  );
  const [reach, setReach] = useState(0);
  const [[first, last], setSeen] = useState<[number, number]>([0, -1]);
  const focus = useRef(false);

  useLayoutEffect(() => {
    const measure = (): void => setWidth(box.current?.clientWidth ?? 0);
    measure();
    const observer = new ResizeObserver(measure);
    if (box.current) observer.observe(box.current);
    return () => observer.disconnect();
  }, []);

  useLayoutEffect(() => {
    if (!width) return;
    const look = (): void => {
      const top = -(box.current?.getBoundingClientRect().top ?? 0);
      const seen = between(laid, top - AHEAD, top + innerHeight + AHEAD);
      setSeen((before) => (before[0] === seen[0] && before[1] === seen[1] ? before : seen));
    };
    look();
    addEventListener("scroll", look, { passive: true });
    addEventListener("resize", look);
    return () => {
      removeEventListener("scroll", look);
      removeEventListener("resize", look);
    };
  }, [laid, width]);

  const shown = laid.rows.slice(first, last + 1);
  useEffect(() => {
    if (width && last >= laid.rows.length - 1) onNearEnd();
  });

  // back from a film: to where it is now
  useLayoutEffect(() => {
    if (!width || start === null) return;
    const at = videos.findIndex((each) => each.id === start);
    if (at >= 0) goTo(at);
  }, [width > 0]);

  useLayoutEffect(() => {
    if (!focus.current) return;
    const link = box.current?.querySelector<HTMLElement>(`[data-at="${reach}"]`);
    if (!link) return;
    focus.current = false;
    link.focus({ preventScroll: true });
  });

  function goTo(at: number): void {
    const row = laid.rows[laid.rowOf[at] ?? -1];
    if (!row || !box.current) return;
    const top = box.current.getBoundingClientRect().top + scrollY + row.top;
    if (top < scrollY + COVERED) scrollTo({ top: top - COVERED, behavior: "instant" });
    else if (top + row.height > scrollY + innerHeight) {
      scrollTo({ top: top + row.height - innerHeight + 24, behavior: "instant" });
    }
    focus.current = true;
    setReach(at);
  }

  const onKey = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = Math.min(reach, videos.length - 1);
    const video = videos[at];
    if (event.key === "Delete" && video && !isUnfinished(video)) {
      event.preventDefault();
      removeSoon(video);
      focus.current = true;
      setReach(Math.min(at, videos.length - 2));
      return;
    }
    const next = nextOf(event.key, at, laid, videos.length);
    if (next === null) return;
    event.preventDefault();
    goTo(next);
  };

  // where Tab leads: to the film that was reached last, or to the first one here where that is far off
  const here = shown.flatMap((row) => row.tiles.map((tile) => tile.at));
  const reachable = here.includes(reach) ? reach : here[0];
  return (
    <>
      <p id="wall-keys" class="visually-hidden">
        {words.wallKeys}
      </p>
      <div
        ref={box}
        class="wall"
        role="group"
        aria-label={words.wall}
        aria-describedby="wall-keys"
        style={{ height: px(laid.height) }}
        onKeyDown={onKey}
      >
        {shown.map((row) =>
          row.title !== null ? (
            <h2 key={row.key} style={{ top: px(row.top) }}>
              {row.title}
            </h2>
          ) : (
            <ul key={row.key} style={{ top: px(row.top) }}>
              {row.tiles.map(({ video, at, width: wide }) => (
                <Frame
                  key={video.id}
                  video={video}
                  at={at}
                  of={videos.length}
                  width={wide}
                  height={row.picture}
                  reachable={at === reachable}
                  onReach={setReach}
                />
              ))}
            </ul>
          ),
        )}
      </div>
    </>
  );
}

function nextOf(key: string, at: number, wall: Laid, count: number): number | null {
  switch (key) {
    case "ArrowRight":
      return Math.min(count - 1, at + 1);
    case "ArrowLeft":
      return Math.max(0, at - 1);
    case "ArrowDown":
      return beside(wall, at, 1);
    case "ArrowUp":
      return beside(wall, at, -1);
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return null;
  }
}
