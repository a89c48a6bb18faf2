// What can be asked of batches. Each is safe to send again: a create has a key that says what it is.

import { get, send } from "../../api/client";
import type { Batch, LineError, StoredFile } from "../../api/batches";
import { newKey } from "../../api/key";
import { download } from "../../media/media";
import { persist } from "../../store/connection";

/** The name of the file, in the batch's metadata. */
const FILE = "file";

export const nameOf = (batch: Batch): string | null => batch.metadata[FILE] ?? batch.source?.split("/").at(-1) ?? null;

/** Upload a file and have its lines checked; nothing is spent. The answer is the check, which goes on. */
export async function check(file: File): Promise<Batch> {
  const once = newKey();
  const headers = { "idempotency-key": once };
  const { data: stored } = await persist(() => {
    const form = new FormData();
    form.set("purpose", "batch");
    form.set("file", file, file.name);
    return send<StoredFile>("POST", "/files", { form, headers });
  });
  return create({ input_file_id: stored.id, completion_window: "24h", dry_run: true, metadata: { [FILE]: file.name } }, once);
}

export interface Terms {
  budget_usd: string;
  completion_window: string;
  max_running?: number;
}

/** Make the videos of a file that was checked. The same terms are the same batch, also after a reload. */
export const start = (checked: Batch, terms: Terms): Promise<Batch> =>
  create({ input_file_id: checked.input_file_id, metadata: checked.metadata, ...terms }, `${checked.id} ${JSON.stringify(terms)}`);

async function create(body: Record<string, unknown>, key: string): Promise<Batch> {
  const call = { body: { endpoint: "/v1/videos", ...body }, headers: { "idempotency-key": key } };
  return (await persist(() => send<Batch>("POST", "/batches", call))).data;
}

export const order = async (batch: Batch, verb: "pause" | "resume" | "cancel"): Promise<Batch> =>
  (await persist(() => send<Batch>("POST", `/batches/${batch.id}/${verb}`))).data;

/** A new batch of what has no video. */
export async function retry(batch: Batch, budget: string): Promise<Batch> {
  const call = { body: { budget_usd: budget }, headers: { "idempotency-key": `retry ${batch.id} ${budget}` } };
  return (await persist(() => send<Batch>("POST", `/batches/${batch.id}/retry`, call))).data;
}

/** Every problem of a file, from the file that has them all. */
export async function allProblems(fileId: string): Promise<LineError[]> {
  const text = await (await persist(() => download(`/files/${fileId}/content`))).text();
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { error: LineError }).error);
}

/** Whether these requests were started already: the batches of the same file. */
export async function startedFrom(checked: Batch): Promise<Batch[]> {
  const { data } = await persist(() => get<{ data: Batch[] }>("/batches?limit=100"));
  return data.filter((each) => !each.dry_run && each.input_file_id === checked.input_file_id);
}

/** A budget as the API takes it, or null where the text is none. */
export const amount = (text: string): string | null => {
  const plain = text.trim().replace(",", ".").replace(/^\$/, "");
  return /^\d{1,9}(\.\d{1,6})?$/.test(plain) && Number(plain) > 0 ? plain : null;
};

/** US dollars to fill in: up to the next cent, so that it reaches. */
export const roundedUp = (dollars: number): string => (Math.ceil(dollars * 100 - 1e-6) / 100).toFixed(2);
