// Which videos a batch has made. A video does not say which batch it belongs to; the table that a batch
// writes at its end names all of them.

import { effect } from "@preact/signals";
import { get } from "../../api/client";
import type { Page } from "../../api/types";
import { download } from "../../media/media";
import { persist } from "../../store/connection";
import { isNobody, ofCaller } from "../../store/session";
import { batch } from "./filters";

export interface BatchName {
  id: string;
  created_at: number;
  table_file_id: string | null;
  metadata: Record<string, string>;
  request_counts: { total: number };
}

/** The newest ones. */
export const batches = ofCaller<BatchName[]>([]);
/** Those of the chosen batch; null until its table is read. */
export const batchVideos = ofCaller<ReadonlySet<string> | null>(null);

export async function loadBatches(): Promise<void> {
  try {
    batches.value = (await persist(() => get<Page<BatchName>>("/batches?limit=100"))).data;
  } catch (error) {
    if (!isNobody(error)) batches.value = [];
  }
}

effect(() => {
  const chosen = batches.value.find((each) => each.id === batch.value);
  batchVideos.value = null;
  if (chosen?.table_file_id) void read(chosen.id, chosen.table_file_id);
});

async function read(id: string, file: string): Promise<void> {
  try {
    const table = await (await persist(() => download(`/files/${file}/content`))).text();
    if (batch.peek() === id) batchVideos.value = new Set(table.match(/video_[0-9a-f]{32}/g));
  } catch (error) {
    if (!isNobody(error) && batch.peek() === id) batchVideos.value = new Set(); // its table is deleted
  }
}
