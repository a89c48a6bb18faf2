// What narrows the gallery down, and how much is left.

import { useEffect } from "preact/hooks";
import type { Signal } from "@preact/signals";
import { models } from "../../store/models";
import { hasMore, videos } from "../../store/videos";
import { look as words } from "../../strings";
import { Button } from "../../ui/button";
import { day } from "../../ui/format";
import { Icon } from "../../ui/icons";
import { batches, type BatchName, loadBatches } from "./batches";
import { batch, clearFilters, isFiltered, matching, model, status, text } from "./filters";

type Options = readonly (readonly [value: string, label: string, disabled?: boolean])[];

export function FilterBar() {
  useEffect(() => void loadBatches(), []);
  const made = [...new Set([...(models.value ?? []).map((each) => each.id), ...videos.value.map((each) => each.model)])];
  return (
    <search class="filters">
      <label class="search">
        <span class="visually-hidden">{words.search}</span>
        <Icon name="search" />
        <input
          id="search"
          type="search"
          placeholder={words.search}
          value={text.value}
          onInput={(event) => (text.value = event.currentTarget.value)}
        />
      </label>
      <div class="selects">
        <Select label={words.status} value={status} options={Object.entries(words.statuses)} />
        {made.length > 1 && (
          <Select label={words.model} value={model} options={[["", words.anyModel], ...made.map((each) => [each, each] as const)]} />
        )}
        {batches.value.length > 0 && (
          <Select label={words.batch} value={batch} options={[["", words.anyBatch], ...batches.value.map(named)]} />
        )}
      </div>
      <p class="hint figures tally" role="status">
        {isFiltered.value ? words.found(matching.value.length, videos.value.length) : words.count(matching.value.length, hasMore.value)}
      </p>
      {isFiltered.value && (
        <Button kind="quiet" onClick={clearFilters}>
          {words.clear}
        </Button>
      )}
    </search>
  );
}

interface SelectProps<T extends string> {
  label: string;
  value: Signal<T>;
  options: Options;
}

function Select<T extends string>({ label, value, options }: SelectProps<T>) {
  return (
    <label class="narrow">
      <span class="visually-hidden">{label}</span>
      <select value={value.value} onChange={(event) => (value.value = event.currentTarget.value as T)} class={value.value ? "set" : ""}>
        {options.map(([each, text, disabled]) => (
          <option key={each} value={each} disabled={disabled ?? false}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

function named({ id, metadata, created_at, request_counts, table_file_id }: BatchName): [string, string, boolean] {
  const name = metadata.name ?? words.batchName(day(created_at), request_counts.total);
  return [id, table_file_id ? name : `${name} (${words.batchRuns})`, !table_file_id];
}
