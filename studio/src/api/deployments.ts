// What the API answers about deployments, as far as the studio reads it. For admins.

export interface Deployment {
  name: string;
  model: string;
  state: "active" | "retiring" | "retired" | "paused" | "out";
  reason: string | null;
  message: string | null;
  since: number | null;
  paused_until: number | null;
  paused: boolean;
  running: number;
  max_running: number;
  max_creates_per_minute: number;
  throttled: number;
  retires_at: number | null;
  uncollected: {
    jobs: number;
    oldest_seconds: number | null;
    soonest_expiry_at: number | null;
    oldest_video_id: string | null;
  };
}

export interface Deployments {
  data: Deployment[];
  queue: { waiting: number; working: number; oldest_wait_seconds: number | null };
}
