// The frame around every room: who is here, where one can go, and whether the app can be reached.

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Gate } from "./gate";
import { link, path } from "./router";
import { rooms } from "./rooms";
import { lostUntil, restored, tryNow } from "./store/connection";
import { now } from "./store/clock";
import { clear } from "./store/draft";
import { follow, stopFollowing } from "./store/follow";
import { loadModels } from "./store/models";
import { loadMonth, month } from "./store/money";
import { removeNow } from "./store/removal";
import { leave, refusal, signedIn } from "./store/session";
import { forgetAll } from "./store/videos";
import { shell } from "./strings";
import { Announcer } from "./ui/announcer";
import { Button } from "./ui/button";
import { Removals } from "./ui/removals";

export function App() {
  useEffect(() => {
    if (!signedIn.value) return;
    void loadModels();
    void loadMonth();
    void follow();
    return () => {
      stopFollowing();
      forgetAll();
      if (refusal.value === null) clear(); // who was refused comes back, with what was typed
    };
  }, [signedIn.value]);
  return (
    <div class="shell">
      <a class="skip" href="#content" onClick={skip}>
        {shell.skip}
      </a>
      <header class="masthead">
        <a class="wordmark" href={link()}>
          <b>Durable</b> Video
        </a>
        {signedIn.value && <Nav />}
      </header>
      <Connection />
      <Announcer />
      <main id="content" tabIndex={-1}>
        {signedIn.value ? <Current /> : <Gate />}
      </main>
      {signedIn.value && <Removals />}
    </div>
  );
}

function skip(event: Event): void {
  event.preventDefault();
  document.getElementById("content")?.focus();
}

function Nav() {
  const [step = ""] = path.value;
  return (
    <>
      <nav class="rooms" aria-label={shell.nav}>
        {rooms.value.map((room) => (
          <a key={room.step} href={link(...(room.step ? [room.step] : []))} aria-current={room.step === step ? "page" : undefined}>
            {room.title}
          </a>
        ))}
      </nav>
      <div class="aside">
        <a href="/openai/v1/docs">{shell.docs}</a>
        <Button kind="quiet" onClick={signOut}>
          {shell.leave}
        </Button>
      </div>
    </>
  );
}

/** What is to be deleted still needs the session; without a connection it stays. */
function signOut(): void {
  const patience = new Promise((resolve) => setTimeout(resolve, 2000));
  void Promise.race([removeNow(), patience]).finally(leave);
}

type Entered = ComponentType<{ steps: string[] }>;

function Current() {
  const [step = "", ...rest] = path.value;
  const room = rooms.value.find((each) => each.step === step);
  const [loaded, setLoaded] = useState<{ step: string; Room: Entered | null } | null>(null);
  useEffect(() => {
    let left = false;
    void room?.load().then(
      ({ Room }) => left || setLoaded({ step, Room }),
      () => left || setLoaded({ step, Room: null }),
    );
    return () => {
      left = true;
    };
  }, [room]);
  useEffect(() => {
    document.title = room?.step ? `${room.title} · Durable Video` : "Durable Video";
  }, [room]);
  if (!room) {
    if (month.value === null) return null; // it may be one for admins
    return (
      <p class="notice">
        {shell.nowhere} <a href={link()}>{shell.home}</a>
      </p>
    );
  }
  if (loaded?.step !== step) return null;
  if (loaded.Room) return <loaded.Room steps={rest} />;
  return (
    <p class="notice">
      {shell.outdated} <Button onClick={() => location.reload()}>{shell.reload}</Button>
    </p>
  );
}

function Connection() {
  const until = lostUntil.value;
  void now.value; // counts down
  const seconds = until === null ? 0 : Math.max(0, Math.ceil(until - performance.now() / 1000));
  return (
    <div class="connection" role="status">
      {until !== null && (
        <p class="notice bad">
          {shell.lost(seconds)} <Button kind="quiet" onClick={tryNow}>{shell.tryNow}</Button>
        </p>
      )}
      {until === null && restored.value && <p class="notice good">{shell.restored}</p>}
    </div>
  );
}
