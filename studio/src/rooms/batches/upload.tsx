// The way in: a file by drop or choice, sent to be checked.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { go } from "../../router";
import { batches as words } from "../../strings";
import { useAction } from "../../ui/action";
import { FieldError } from "../../ui/field";
import { check } from "./orders";

const TYPES = ".csv,.jsonl,text/csv,application/jsonl";

export function Upload() {
  const { busy, problem, run } = useAction();
  const input = useRef<HTMLInputElement>(null);
  const over = useSignal(false);
  const accept = (files: FileList | null | undefined): void => {
    const file = files?.[0];
    if (file) void run(async () => go("batches", (await check(file)).id));
  };
  useEffect(() => {
    const main = document.getElementById("content");
    const drag = (event: DragEvent): void => {
      event.preventDefault();
      over.value = event.type === "dragover";
    };
    const drop = (event: DragEvent): void => {
      drag(event);
      accept(event.dataTransfer?.files);
    };
    main?.addEventListener("dragover", drag);
    main?.addEventListener("dragleave", drag);
    main?.addEventListener("drop", drop);
    return () => {
      main?.removeEventListener("dragover", drag);
      main?.removeEventListener("dragleave", drag);
      main?.removeEventListener("drop", drop);
    };
  }, []);
  return (
    <section class="upload" aria-label={words.upload.choose}>
      <input
        ref={input}
        type="file"
        class="visually-hidden"
        accept={TYPES}
        tabIndex={-1}
        aria-hidden="true"
        onChange={(event) => {
          accept(event.currentTarget.files);
          event.currentTarget.value = "";
        }}
      />
      <button
        type="button"
        class={`drop ${over.value ? "over" : ""}`}
        aria-describedby="upload-error"
        aria-disabled={busy.value || undefined}
        onClick={() => busy.value || input.current?.click()}
      >
        <b>{busy.value ? words.upload.sending : words.upload.choose}</b>
        <span>{words.upload.hint}</span>
      </button>
      <FieldError id="upload" error={problem.value} />
      <details>
        <summary>{words.upload.how}</summary>
        <p class="hint">{words.upload.csv}</p>
        <pre tabIndex={0}>{words.upload.csvExample}</pre>
        <p class="hint">{words.upload.jsonl}</p>
        <pre tabIndex={0}>{words.upload.jsonlExample}</pre>
      </details>
    </section>
  );
}
