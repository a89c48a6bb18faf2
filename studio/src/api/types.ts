// What the API answers, as far as the studio reads it; shared/answers has every field.

export type Status = "queued" | "in_progress" | "completed" | "failed" | "cancelled";
export type Stage = "accepted" | "waiting_for_quota" | "submitting" | "rendering" | "collecting";

export interface Failure {
  code: string;
  message: string;
  stage: string;
  retryable: boolean;
  charged: boolean | null;
}

export interface Output {
  index: number;
  url: string;
  content_type: string;
  size_bytes: number;
  sha256: string;
  width: number;
  height: number;
  seconds: number | null;
  variants: ("video" | "thumbnail" | "spritesheet")[];
}

export interface Cost {
  estimated: string;
  actual: string | null;
  state: "reserved" | "settled" | "released" | "unknown";
}

export type Value = number | string | boolean;

export interface Video {
  id: string;
  model: string;
  /** Another one where a successor renders in place of `model`. */
  rendered_by: string;
  /** Where that is not what is rendered. */
  asked: { size: string; seconds: string } | null;
  status: Status;
  progress: number;
  created_at: number;
  completed_at: number | null;
  expires_at: number | null;
  prompt: string;
  size: string;
  seconds: string;
  remixed_from_video_id: string | null;
  error: Failure | null;
  n_variants: number;
  stage: Stage | null;
  queue_position: number | null;
  notice: string | null;
  estimated_completion_at: number | null;
  outputs: Output[];
  cost: Cost;
  parameters: Record<string, Value>;
  metadata: Record<string, string>;
  deployment: string | null;
  rescued: boolean;
}

export interface Page<T> {
  data: T[];
  first_id: string | null;
  last_id: string | null;
  has_more: boolean;
}

export interface Size {
  size: string;
  seconds: number[];
  max_variants: number;
  usd_per_second: string | null;
}

export interface SizeRule {
  multiple_of: number;
  min: number;
  max: number;
  max_pixels: number;
}

export interface Parameter {
  type: "integer" | "number" | "string" | "boolean";
  minimum: number | null;
  maximum: number | null;
  max_length: number | null;
  enum: Value[] | null;
}

export interface Capabilities {
  modes: ("text" | "image" | "video" | "remix")[];
  sizes: Size[];
  size_rules: SizeRule[];
  default_size: string;
  default_seconds: number;
  prompt_characters: number;
  input_images: number;
  parameters: Record<string, Parameter>;
}

export interface Deployment {
  name: string;
  dialect: string;
  lifecycle: "active" | "retiring" | "retired";
  retires_at: number | null;
  available: boolean;
  lacks: string[];
  notice: string | null;
  limits: { max_running: number; max_creates_per_minute: number };
}

export interface Model {
  id: string;
  lifecycle: "active" | "retiring" | "retired";
  retires_at: number | null;
  capabilities: Capabilities;
  deployments: Deployment[];
}

export interface Quote {
  admitted: boolean;
  refusal: { code: string; message: string; retry_after: number | null } | null;
  cost: { estimated: string; usd_per_second: string | null };
  ceilings: { name: string; limit: string; committed: string; left: string }[];
  queue_length: number;
  estimated_completion_at: number;
}

export interface Sums {
  videos: number;
  seconds: number;
  reserved: string;
  settled: string;
  released: string;
  unknown: string;
}

export interface Usage {
  from: string;
  to: string;
  caller: string | null;
  group_by: "day" | "model" | "caller" | "batch";
  data: (Sums & { group: string })[];
  total: Sums;
  month_to_date: {
    month: string;
    reserved: string;
    settled: string;
    unknown: string;
    committed: string;
    budget: string | null;
    left: string | null;
  };
}

export interface ErrorDetail {
  message: string;
  type: string;
  param: string | null;
  code: string;
  retryable: boolean;
  charged: boolean | null;
}
