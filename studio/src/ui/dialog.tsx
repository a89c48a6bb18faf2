import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** Milliseconds after which the page shows what the dialog has done. */
const SETTLED = 500;

/** Whoever uses the keyboard goes on from the content, and not from the top of the page. */
function keepFocus(): void {
  const at = document.activeElement;
  if (!at || at === document.body) document.getElementById("content")?.focus();
}

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}

/** A modal dialog: the browser's own keeps the focus inside and closes on Escape. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    box.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
      // what opened it may go with what it was about, now or with the next answer
      setTimeout(keepFocus, 0);
      setTimeout(keepFocus, SETTLED);
    };
  }, []);
  return (
    <dialog
      ref={box}
      class="dialog"
      aria-labelledby="dialog-title"
      onClose={onClose}
      onClick={(event) => event.target === box.current && onClose()}
    >
      <div class="dialog-body">
        <h2 id="dialog-title">{title}</h2>
        {children}
      </div>
    </dialog>
  );
}
