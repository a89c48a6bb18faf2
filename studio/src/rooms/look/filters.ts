// Which of the known videos the gallery shows.

import { computed } from "@preact/signals";
import type { Video } from "../../api/types";
import { isGoing } from "../../store/removal";
import { ofCaller } from "../../store/session";
import { isUnfinished, videos } from "../../store/videos";
import { batchVideos } from "./batches";

export type StatusFilter = "completed" | "unfinished" | "failed" | "cancelled" | "";

export const text = ofCaller("");
export const status = ofCaller<StatusFilter>("completed");
export const model = ofCaller("");
/** The id of a batch. */
export const batch = ofCaller("");

export const isFiltered = computed(
  () => Boolean(text.value.trim() || model.value || batch.value) || status.value !== "completed",
);

export function clearFilters(): void {
  text.value = "";
  status.value = "completed";
  model.value = "";
  batch.value = "";
}

/** Newest first. */
export const matching = computed<Video[]>(() => {
  const words = text.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const among = batch.value ? batchVideos.value : null;
  return videos.value.filter(
    (video) =>
      hasStatus(video, status.value) &&
      (!model.value || video.model === model.value) &&
      (!batch.value || (among?.has(video.id) ?? false)) &&
      (!words.length || words.every((word) => said(video).includes(word))) &&
      !isGoing(video.id),
  );
});

function hasStatus(video: Video, wanted: StatusFilter): boolean {
  return wanted === "unfinished" ? isUnfinished(video) : !wanted || video.status === wanted;
}

const lowered = new WeakMap<Video, string>();

/** What a video can be found by: its words, its id, and its caller's own notes. */
function said(video: Video): string {
  let found = lowered.get(video);
  if (found === undefined) {
    found = [video.prompt, video.id, ...Object.values(video.metadata)].join(" ").toLowerCase();
    lowered.set(video, found);
  }
  return found;
}
