// A question before what cannot be taken back.

import { useAction } from "./action";
import { Button } from "./button";
import { Dialog } from "./dialog";

interface Props {
  words: { title: string; text: string; yes: string; no: string };
  /** What is done after a yes; the question stays while it is refused. */
  act: () => Promise<void>;
  onClose: () => void;
}

export function Confirm({ words, act, onClose }: Props) {
  const { busy, problem, run } = useAction();
  const confirm = (): Promise<void> =>
    run(async () => {
      await act();
      onClose();
    });
  return (
    <Dialog title={words.title} onClose={onClose}>
      <p>{words.text}</p>
      <p class="field-error" role="alert">
        {problem.value}
      </p>
      <div class="dialog-foot">
        <Button onClick={onClose}>{words.no}</Button>
        <Button kind="danger" busy={busy.value} onClick={() => void confirm()}>
          {words.yes}
        </Button>
      </div>
    </Dialog>
  );
}
