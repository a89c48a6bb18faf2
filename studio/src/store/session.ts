// Who asks: a key, kept in this tab unless it is to be remembered, or an Entra account.

import { computed, effect, type Signal, signal } from "@preact/signals";
import { ApiError, connect, isAboutSession, nextSession, send } from "../api/client";
import type { Usage } from "../api/types";
import { heard } from "./clock";
import { entra } from "./config";
import { giveUp } from "./connection";
import { drop, keep, kept } from "./kept";

const KEY = "durable-video.key";
const ENTRA = "durable-video.entra";
/** A create that a reload of the page interrupts. It ends with the session: the next one who enters
 * must not pay for it. */
export const PENDING = "durable-video.pending";
/** Creates that a person has to approve. They end with the session, too. */
export const ASKED = "durable-video.asked";

type Who = { by: "key"; key: string } | { by: "entra" };

function known(): Who | null {
  const key = kept("tab", KEY) ?? kept("browser", KEY);
  if (key) return { by: "key", key };
  return entra && kept("tab", ENTRA) ? { by: "entra" } : null;
}

const who = signal<Who | null>(known());
if (!who.value) forgetPictures(); // of one who has closed the tab without signing out

/** Whether the page has a credential; the API may still refuse it. */
export const signedIn = computed(() => who.value !== null);

/** A signal about who asks: empty again for the next one. */
export function ofCaller<T>(empty: T): Signal<T> {
  const made = signal(empty);
  effect(() => {
    if (!signedIn.value) made.value = empty;
  });
  return made;
}

/** Why the credential was refused, in the API's words; null where it was not. */
export const refusal = signal<string | null>(null);

/** The `Authorization` of this tab's requests. Throws ApiError. */
export async function credential(): Promise<string | null> {
  const asked = who.value;
  if (asked === null) return null;
  if (asked.by === "key") return `Bearer ${asked.key}`;
  const { token } = await import("./entra");
  return `Bearer ${await token()}`;
}

connect(credential, heard);

/** Take a key if the API does. Throws ApiError, and then nothing has changed. */
export async function enter(key: string, remember: boolean): Promise<void> {
  // a header takes no other characters, and no key has them
  const sent = /^[\x21-\x7e]+$/.test(key) ? key : "not-a-key";
  await send<Usage>("GET", "/usage", { headers: { authorization: `Bearer ${sent}` } });
  keep(remember ? "browser" : "tab", KEY, key);
  begin({ by: "key", key });
}

/** To Entra's page, which leads back here. Throws where that page cannot be reached. */
export async function signInWithEntra(): Promise<void> {
  const { signIn } = await import("./entra");
  await signIn();
}

/** Back from Entra's page: finish what it began. */
export async function finishSignIn(): Promise<void> {
  if (!entra || !/^#([^/]*&)?(code|error)=/.test(location.hash)) return;
  const { finish } = await import("./entra");
  const { problem, back } = await finish();
  // the code must stay in no history; what no sign-in has asked for leads nowhere
  history.replaceState(null, "", location.pathname + back);
  refusal.value = problem;
  if (problem !== null) return;
  keep("tab", ENTRA, "1");
  begin({ by: "entra" });
}

function begin(next: Who): void {
  nextSession();
  drop("tab", PENDING);
  drop("tab", ASKED);
  refusal.value = null;
  who.value = next;
}

/** Forget the credential, here and where it was remembered. */
export function leave(why: string | null = null): void {
  const mine = who.value;
  if (mine?.by === "entra") void import("./entra").then(({ forget }) => forget());
  drop("tab", KEY);
  // another one may have entered in another tab since, and is remembered now
  if (mine?.by === "key" && kept("browser", KEY) === mine.key) drop("browser", KEY);
  drop("tab", ENTRA);
  drop("tab", PENDING);
  drop("tab", ASKED);
  forgetPictures();
  nextSession();
  refusal.value = why;
  who.value = null;
  giveUp();
}

/** A browser has `caches` in a secure context only. */
function forgetPictures(): void {
  void globalThis.caches?.delete("durable-video.posters").catch(() => {});
}

/** What to do with an error of any request: 401 ends the session, with the API's own words. */
export function isNobody(error: unknown): boolean {
  if (!(error instanceof ApiError) || error.status !== 401) return false;
  if (isAboutSession(error)) leave(error.message);
  return true;
}

/** Who signs out in one tab is signed out in all that live by the remembered key. */
function leaveIfForgotten(): void {
  const mine = who.value;
  if (mine?.by === "key" && !kept("tab", KEY) && kept("browser", KEY) !== mine.key) leave();
}

window.addEventListener("storage", (event) => {
  if (event.storageArea === localStorage && (event.key === KEY || event.key === null)) leaveIfForgotten();
});
// a page that the browser has kept for its Back button was told nothing meanwhile
window.addEventListener("pageshow", leaveIfForgotten);
