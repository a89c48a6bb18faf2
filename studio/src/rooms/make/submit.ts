// One press makes one video, however often the request is sent: its Idempotency-Key is made once and
// kept until the API has answered, over lost connections and, without a picture, over a reload. What a
// person has to approve keeps its key until it is made: the approval is of that one request.

import { signal } from "@preact/signals";
import { ApiError, send } from "../../api/client";
import { newKey } from "../../api/key";
import type { ErrorDetail, Video } from "../../api/types";
import { persist } from "../../store/connection";
import { change, draft, type Picture, spendPicture } from "../../store/draft";
import { loadMonth } from "../../store/money";
import { drop, keep, kept } from "../../store/kept";
import { ASKED, isNobody, ofCaller, PENDING } from "../../store/session";
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
  const asks = { path: pathOf(remixOf), body: remixOf ? { prompt: body.prompt } : body };
  const began = startImage.value;
  const pending: Pending = { key: keyOf(asks, began) ?? newKey(), ...asks };
  if (!began) keep("tab", PENDING, JSON.stringify(pending));
  await deliver(pending, began);
}

const pathOf = (remixOf: string | null): string => (remixOf ? `/videos/${remixOf}/remix` : "/videos");

/** A request that a person has to approve: what it asks for, and its key. */
type Asked = [asks: string, key: string];

const MOST_ASKED = 20;

const asked = (): Asked[] => JSON.parse(kept("tab", ASKED) ?? "[]");

const textOf = ({ path, body }: Omit<Pending, "key">, began: Picture | null): string =>
  JSON.stringify([path, body, began && [began.file.name, began.file.size, began.file.lastModified]]);

function keyOf(asks: Omit<Pending, "key">, began: Picture | null): string | undefined {
  const text = textOf(asks, began);
  return asked().find(([each]) => each === text)?.[1];
}

/** Keep the key of a request for its next press, or forget it: a press after that is a new video. */
function settle(pending: Pending, began: Picture | null, waits: boolean): void {
  const others = asked().filter(([, key]) => key !== pending.key);
  const mine: Asked[] = waits ? [[textOf(pending, began), pending.key]] : [];
  keep("tab", ASKED, JSON.stringify([...others, ...mine].slice(-MOST_ASKED)));
}

/** Send what a reload of the page interrupted. */
export async function resume(): Promise<void> {
  const interrupted = kept("tab", PENDING);
  if (interrupted && !sending.value) await deliver(JSON.parse(interrupted), null);
}

async function deliver(pending: Pending, began: Picture | null): Promise<void> {
  sending.value = true;
  problem.value = null;
  const headers = { "idempotency-key": pending.key };
  try {
    const { data } = await persist(() =>
      began
        ? send<Video>("POST", pending.path, {
            form: asForm(pending.body as Fields, began.file),
            headers,
          })
        : send<Video>("POST", pending.path, { body: pending.body, headers }),
    );
    settle(pending, began, false);
    learn(data);
    made.value = data;
    // what was chosen meanwhile is for the next one
    if (pending.path === pathOf(draft.value.remixOf)) change({ remixOf: null });
    if (began) spendPicture(data, began, (pending.body as Fields).fit ?? "cover");
    void loadMonth();
    requote();
  } catch (error) {
    if (isNobody(error)) return;
    if (!(error instanceof ApiError)) throw error;
    problem.value = error.detail;
    // what is refused for now may still be approved, and a conflict is about the key
    if (error.detail.code === "approval_required") settle(pending, began, error.detail.retryable);
    else if (error.status === 409) settle(pending, began, false);
  } finally {
    drop("tab", PENDING);
    sending.value = false;
  }
}
