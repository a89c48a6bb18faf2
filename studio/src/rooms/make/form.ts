// What the form asks for, made to fit the chosen model: nothing that the model lacks is ever sent.

import { computed } from "@preact/signals";
import type { Capabilities, Model, SizeRule, Value, Video } from "../../api/types";
import { sides } from "../../api/sizes";
import { draft, model, picture } from "../../store/draft";

export interface Fields {
  model: string;
  prompt: string;
  size: string;
  seconds: string;
  n_variants?: number;
  fit?: "cover" | "contain";
  [parameter: string]: Value | undefined;
}

const SHAPES: [number, number][] = [[16, 9], [9, 16], [1, 1], [4, 3], [3, 4]];

/** The sizes to choose from: those listed, and good ones of what a rule allows. */
export function offered(capabilities: Capabilities): string[] {
  const listed = capabilities.sizes.map((each) => each.size);
  const ruled = capabilities.size_rules.flatMap((rule) => SHAPES.map((shape) => largest(rule, shape)));
  return [...new Set([...listed, ...ruled])];
}

/** The largest size of a shape below 720p that a rule allows. */
function largest(rule: SizeRule, [across, down]: [number, number]): string {
  const pixels = Math.min(rule.max_pixels, 1280 * 720);
  const unit = Math.sqrt(pixels / (across * down));
  const snap = (side: number): number => {
    const floored = Math.floor(Math.min(side, rule.max) / rule.multiple_of) * rule.multiple_of;
    return Math.max(floored, Math.ceil(rule.min / rule.multiple_of) * rule.multiple_of);
  };
  return `${snap(across * unit)}x${snap(down * unit)}`;
}

/** What a size allows; one that a rule allows is as the model's first. */
export const sizeOf = (capabilities: Capabilities, size: string) =>
  capabilities.sizes.find((each) => each.size === size) ?? capabilities.sizes[0];

function nearest(wanted: number, among: number[]): number {
  return among.reduce((best, each) =>
    Math.abs(each - wanted) < Math.abs(best - wanted) ? each : best,
  );
}

export interface Chosen {
  model: Model;
  size: string;
  seconds: number;
  lengths: number[];
  variants: number;
  mostVariants: number;
  takesPicture: boolean;
}

/** The choices as they stand, for the chosen model; null until models are known. */
export const chosen = computed<Chosen | null>(() => {
  const made = model.value;
  if (!made) return null;
  const { capabilities } = made;
  const { size: wanted, seconds, variants } = draft.value;
  const size = fits(capabilities, wanted) ? wanted : capabilities.default_size;
  const can = sizeOf(capabilities, size);
  const lengths = can?.seconds.length ? can.seconds : [capabilities.default_seconds];
  const mostVariants = can?.max_variants ?? 1;
  return {
    model: made,
    size,
    seconds: nearest(seconds || capabilities.default_seconds, lengths),
    lengths,
    variants: Math.min(variants, mostVariants),
    mostVariants,
    takesPicture: capabilities.modes.includes("image") && capabilities.input_images > 0,
  };
});

function fits(capabilities: Capabilities, size: string): boolean {
  if (capabilities.sizes.some((each) => each.size === size)) return true;
  if (!/^\d{2,5}x\d{2,5}$/.test(size)) return false;
  const [width, height] = sides(size);
  return capabilities.size_rules.some(
    (rule) =>
      width % rule.multiple_of === 0 &&
      height % rule.multiple_of === 0 &&
      Math.min(width, height) >= rule.min &&
      Math.max(width, height) <= rule.max &&
      width * height <= rule.max_pixels,
  );
}

/** The body of the create, without its picture; null until models are known. */
export const fields = computed<Fields | null>(() => {
  const choice = chosen.value;
  if (!choice) return null;
  const { prompt, parameters, fit } = draft.value;
  const known = choice.model.capabilities.parameters;
  const given = Object.entries(parameters).filter(([name, value]) => name in known && value !== "");
  return {
    model: choice.model.id,
    prompt: prompt.trim(),
    size: choice.size,
    seconds: String(choice.seconds),
    ...(choice.variants > 1 ? { n_variants: choice.variants } : {}),
    ...(startImage.value && fit === "contain" ? { fit } : {}),
    ...Object.fromEntries(given),
  };
});

/** Whether the form asks for just what a video was: not where its model is gone, or has changed. */
export function asksFor(video: Video): boolean {
  const body = fields.value;
  if (!body || draft.value.remixOf) return body !== null; // a remix takes all of its original
  const { size, seconds } = video.asked ?? video;
  return (
    body.model === video.model &&
    body.size === size &&
    Number(body.seconds) === Number(seconds) &&
    (body.n_variants ?? 1) === video.n_variants &&
    Object.entries(video.parameters).every(([name, value]) => body[name] === value)
  );
}

/** The picture, where the model takes one. */
export const startImage = computed(() =>
  chosen.value?.takesPicture && !draft.value.remixOf ? picture.value : null,
);

/** The body as a form, where it has a picture. */
export function asForm(body: Fields, file: File): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(body)) {
    if (value !== undefined) form.append(name, String(value));
  }
  form.append("input_reference", file, file.name);
  return form;
}
