// The page's side of the service worker: it is told which credential to add, when it asks.

import { credential } from "../store/session";
import { QUESTION } from "./question";

export function startWorker(): void {
  if (!navigator.serviceWorker) return;
  navigator.serviceWorker.addEventListener("message", (event) => {
    if (event.data !== QUESTION) return;
    const [port] = event.ports;
    credential().then(
      (value) => port?.postMessage(value),
      () => port?.postMessage(null),
    );
  });
  navigator.serviceWorker.startMessages();
  navigator.serviceWorker
    .register("/studio/worker.js", { scope: "/studio", updateViaCache: "none" })
    .catch(() => {}); // without it films are fetched whole, see media.ts
}
