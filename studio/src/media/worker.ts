// The service worker: <video> and <img> send no key, so it adds the one of the tab that asks, and
// keeps Range. It holds no key itself: several tabs may have different ones, and it may be stopped
// at any time.
//
// The API answers with a link to storage, which fetch follows; the browser takes the credential out
// on the way to another origin. Where storage does not let pages read (an older deployment, a private
// network), the bytes come through the app.

/// <reference lib="webworker" />

import { QUESTION } from "./question";

declare const self: ServiceWorkerGlobalScope;

const CONTENT = /^\/openai\/v1\/videos\/[^/]+\/content$/;
const PATIENCE = 5000;
/** A piece of what is streamed through the app: it sends no more than its memory allows. */
const PIECE = 8 * 1024 * 1024;

let streams = false;

self.addEventListener("install", () => void self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request, clientId } = event;
  const url = new URL(request.url);
  const ours = url.origin === self.location.origin && CONTENT.test(url.pathname);
  // what has a credential is the page's own request
  if (!ours || request.method !== "GET" || request.headers.has("authorization")) return;
  event.respondWith(answer(url, request, clientId));
});

async function answer(url: URL, request: Request, clientId: string): Promise<Response> {
  const credential = await ask(clientId);
  const headers = new Headers();
  const range = request.headers.get("range");
  if (credential) headers.set("authorization", credential);
  if (range) headers.set("range", range);
  const options: RequestInit = { headers, cache: "no-store", signal: request.signal };
  if (!streams) {
    try {
      return await fetch(url, options);
    } catch (error) {
      if (request.signal.aborted) throw error;
    }
  }
  url.searchParams.set("stream", "true");
  if (range) headers.set("range", bounded(range));
  const response = await fetch(url, options);
  streams ||= response.ok;
  return response;
}

/** A range of at most one piece: players ask on from where an answer ended. */
function bounded(range: string): string {
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(range) ?? [];
  if (first === undefined) return range;
  const end = Number(first) + PIECE - 1;
  return `bytes=${first}-${last ? Math.min(Number(last), end) : end}`;
}

async function ask(clientId: string): Promise<string | null> {
  const client = await self.clients.get(clientId);
  if (!client) return null;
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    const late = setTimeout(() => resolve(null), PATIENCE);
    port1.onmessage = (event) => {
      clearTimeout(late);
      resolve(event.data);
    };
    client.postMessage(QUESTION, [port2]);
  });
}
