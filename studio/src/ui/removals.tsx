// The videos that are being deleted, and the way back, in every room.

import { useEffect } from "preact/hooks";
import { dismiss, held, type Removal, removals, undo, UNDO_SECONDS } from "../store/removal";
import { look as words, shell } from "../strings";
import { Button } from "./button";

const SHOWN = 3;

export function Removals() {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const typing = event.target instanceof Element && event.target.matches("input:not([type=range]), textarea, select");
      if (typing || event.key !== "z" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      undo();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  const hold = (on: boolean) => () => void (held.value = on);
  return (
    <div
      class="removals"
      onPointerEnter={hold(true)}
      onPointerLeave={hold(false)}
      onFocusIn={hold(true)}
      onFocusOut={hold(false)}
    >
      <p class="visually-hidden" role="status">
        {removals.value.map(({ video, problem }) => (problem ? words.notRemoved(problem) : words.removing(video.prompt))).at(-1)}
      </p>
      {removals.value.slice(-SHOWN).map((each) => (
        <One key={each.video.id} removal={each} />
      ))}
    </div>
  );
}

function One({ removal: { video, left, problem } }: { removal: Removal }) {
  // an element that goes while it is focused or pointed at says no more that it is left
  useEffect(() => () => void (held.value = false), []);
  return (
    <div class={problem ? "removal bad" : "removal"} style={{ "--left": left / UNDO_SECONDS }}>
      <div>
        <p class="said">{problem ? words.notRemoved(problem) : words.removing(video.prompt)}</p>
        {!problem && <p class="removal-hint">{words.loses(video.outputs.length)}</p>}
      </div>
      {problem ? (
        <Button onClick={() => dismiss(video.id)}>{shell.close}</Button>
      ) : (
        <Button onClick={() => undo(video.id)} busy={left <= 0} title={words.undoKey}>
          {words.undo} <span class="figures">{words.undoIn(left)}</span>
        </Button>
      )}
    </div>
  );
}
