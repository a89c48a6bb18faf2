// The form as a request to copy.

import { useSignal } from "@preact/signals";
import { make as words } from "../../strings";
import { Copy } from "../../ui/copy";
import { Choice } from "../../ui/field";
import { fields, startImage } from "./form";
import { type Language, snippet } from "./snippets";

export function RequestText() {
  const language = useSignal<Language>("curl");
  const body = fields.value;
  if (!body) return null;
  const text = snippet(language.value, body, startImage.value?.file.name ?? null);
  return (
    <details class="request">
      <summary>{words.request}</summary>
      <div class="request-head">
        <Choice
          legend={words.request}
          name="language"
          options={["curl", "python", "node", "event"] as const}
          value={language.value}
          onChoose={(chosen) => (language.value = chosen)}
          text={(each) => words.languages[each]}
        />
        <Copy text={text} />
      </div>
      <pre tabIndex={0}>
        <code>{text}</code>
      </pre>
    </details>
  );
}
