// What can be asked for.

import { get } from "../api/client";
import type { Model } from "../api/types";
import { persist } from "./connection";
import { isNobody, ofCaller } from "./session";

/** All models, in the operator's order; null until they are read. */
export const models = ofCaller<Model[] | null>(null);

export async function loadModels(): Promise<void> {
  try {
    models.value = (await persist(() => get<{ data: Model[] }>("/models"))).data;
  } catch (error) {
    if (!isNobody(error)) throw error;
  }
}
