// The form as it stands. It survives a reload of the tab; a picture does not.

import { computed, effect, signal } from "@preact/signals";
import type { Model, Value, Video } from "../api/types";
import { keep, kept } from "./kept";
import { models } from "./models";

const DRAFT = "durable-video.draft";

export interface Draft {
  prompt: string;
  model: string;
  size: string;
  seconds: number;
  variants: number;
  fit: "cover" | "contain";
  parameters: Record<string, Value>;
  /** The finished video that this one is made of. */
  remixOf: string | null;
}

const EMPTY: Draft = {
  prompt: "",
  model: "",
  size: "",
  seconds: 0,
  variants: 1,
  fit: "cover",
  parameters: {},
  remixOf: null,
};

function read(): Draft {
  try {
    return { ...EMPTY, ...JSON.parse(kept("tab", DRAFT) ?? "{}") };
  } catch {
    return EMPTY;
  }
}

export const draft = signal<Draft>(read());

export interface Picture {
  file: File;
  url: string;
  width: number;
  height: number;
}

/** The start image, and its measures. */
export const picture = signal<Picture | null>(null);
/** Of the videos that this tab has made: the API keeps no picture. */
const pictures = new Map<string, { began: Picture; fit: Draft["fit"] }>();

effect(() => keep("tab", DRAFT, JSON.stringify(draft.value)));

export const model = computed<Model | null>(
  () =>
    models.value?.find((each) => each.id === draft.value.model) ??
    models.value?.find((each) => each.lifecycle !== "retired") ??
    models.value?.[0] ??
    null,
);

export function change(values: Partial<Draft>): void {
  draft.value = { ...draft.value, ...values };
}

/** The picture belongs to a video now, and to the form no more; one that was chosen since stays. */
export function spendPicture(video: Video, began: Picture, fit: Draft["fit"]): void {
  pictures.set(video.id, { began, fit });
  if (picture.value === began) usePicture(null);
}

export function usePicture(chosen: Picture | null): void {
  if (picture.value) URL.revokeObjectURL(picture.value.url);
  picture.value = chosen;
}

/** An empty form, for the next caller. */
export function clear(): void {
  draft.value = EMPTY;
  pictures.clear();
  usePicture(null);
}

/** The form as it was for a video: to change a detail and make it again. */
export function again(video: Video): void {
  const { began, fit = EMPTY.fit } = pictures.get(video.id) ?? {};
  usePicture(began ? { ...began, url: URL.createObjectURL(began.file) } : null);
  const { size, seconds } = video.asked ?? video;
  draft.value = {
    ...EMPTY,
    prompt: video.prompt,
    model: video.model,
    size,
    seconds: Number(seconds),
    variants: video.n_variants,
    parameters: video.parameters,
    fit,
  };
}

/** The form for a remix: only its prompt can change. */
export function remix(video: Video, of: string = video.id): void {
  again(video);
  change({ remixOf: of });
}
