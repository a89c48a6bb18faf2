// `#/look`: the gallery. `#/look/ID`: one video. `#/look/ID/ID`: two of them, compared.

import { useRef } from "preact/hooks";
import { Compare } from "./compare";
import { Gallery } from "./gallery";
import { Screen } from "./screen";

export function Room({ steps: [id, other] }: { steps: string[] }) {
  const last = useRef<string | null>(null);
  if (id) last.current = id;
  if (id && other) return <Compare key={`${id} ${other}`} ids={[id, other]} />;
  if (id) return <Screen key={id} id={id} />;
  return <Gallery start={last.current} />;
}
