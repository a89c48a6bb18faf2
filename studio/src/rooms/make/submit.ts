// One press makes one video, however often the request is sent: its Idempotency-Key is made once and
// kept until the API has answered, over lost connections and, without a picture, over a reload.

import { signal } from "@preact/signals";
import { ApiError, send } from "../../api/client";
import { newKey } from "../../api/key";
import type { ErrorDetail, Video } from "../../api/types";
import { persist } from "../../store/connection";
import { change, draft, spendPicture } from "../../store/draft";
import { loadMonth } from "../../store/money";
import { drop, keep, kept } from "../../store/kept";
import { isNobody, ofCaller, PENDING } from "../../store/session";
import { learn } from "../../store/videos";
import { asForm, type Fields, fields, startImage } from "./form";
import { requote } from "./quote";

interface Pending {
  key: string;
  path: string;
  body: Record<string, unknown>;
}

export const sending = signal(false);
/** What the API refused, to be shown beside the field that it names. */
export const problem = ofCaller<ErrorDetail | null>(null);
/** The video that was made last, for whoever announces it. */
export const made = ofCaller<Video | null>(null);

export async function make(): Promise<void> {
  const body = fields.value;
  if (sending.value || !body?.prompt) return;
  const { remixOf } = draft.value;
  const pending: Pending = remixOf
    ? { key: newKey(), path: `/videos/${remixOf}/remix`, body: { prompt: body.prompt } }
    : { key: newKey(), path: "/videos", body };
  const file = startImage.value?.file ?? null;
  if (!file) keep("tab", PENDING, JSON.stringify(pending));
  await deliver(pending, file);
}

/** Send what a reload of the page interrupted. */
export async function resume(): Promise<void> {
  const interrupted = kept("tab", PENDING);
  if (interrupted && !sending.value) await deliver(JSON.parse(interrupted), null);
}

async function deliver(pending: Pending, file: File | null): Promise<void> {
  sending.value = true;
  problem.value = null;
  const headers = { "idempotency-key": pending.key };
  try {
    const { data } = await persist(() =>
      file
        ? send<Video>("POST", pending.path, {
            form: asForm(pending.body as Fields, file),
            headers,
          })
        : send<Video>("POST", pending.path, { body: pending.body, headers }),
    );
    learn(data);
    made.value = data;
    change({ remixOf: null });
    if (file) spendPicture(data);
    void loadMonth();
    requote();
  } catch (error) {
    if (isNobody(error)) return;
    if (!(error instanceof ApiError)) throw error;
    problem.value = error.detail;
  } finally {
    drop("tab", PENDING);
    sending.value = false;
  }
}
