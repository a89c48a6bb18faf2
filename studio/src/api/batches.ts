// What the API answers about batches and files, as far as the studio reads it.

import type { Page } from "./types";

export interface LineError {
  code: string;
  message: string;
  param: string | null;
  line: number | null;
}

export interface Batch {
  id: string;
  errors: { data: LineError[] } | null;
  input_file_id: string;
  completion_window: string;
  status: "validating" | "in_progress" | "finalizing" | "completed" | "failed" | "expired" | "cancelling" | "cancelled";
  output_file_id: string | null;
  error_file_id: string | null;
  table_file_id: string | null;
  created_at: number;
  expires_at: number | null;
  request_counts: { total: number; completed: number; failed: number; running: number; not_started: number };
  metadata: Record<string, string>;
  cost: {
    budget: string | null;
    estimated: string;
    committed: string;
    reserved: string;
    settled: string;
    unknown: string;
  };
  stopped: "stopped_by_budget" | "batch_cancelled" | "batch_expired" | "input_file_deleted" | null;
  paused: boolean;
  dry_run: boolean;
  max_running: number | null;
  retry_of: string | null;
  source: string | null;
  notice: string | null;
  estimated_completion_at: number | null;
}

export type BatchPage = Page<Batch>;

export interface StoredFile {
  id: string;
  filename: string;
  bytes: number;
}

const GOES_ON: Batch["status"][] = ["validating", "in_progress", "finalizing", "cancelling"];

export const isRunning = (batch: Batch): boolean => GOES_ON.includes(batch.status);
