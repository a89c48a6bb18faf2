// `#/batches`: the list and the way in; `#/batches/ID`: one, or what its check has found.

import { BatchList } from "./list";
import { OneBatch } from "./one";

export function Room({ steps }: { steps: string[] }) {
  const [id] = steps;
  return id ? <OneBatch key={id} id={id} /> : <BatchList />;
}
