import { render } from "preact";
import { App } from "./app";
import { startWorker } from "./media/auth";
import { startRouter } from "./router";
import { startClock } from "./store/clock";
import { watchConnection } from "./store/connection";
import { finishSignIn } from "./store/session";
import { startAnnouncing } from "./ui/announcer";

startWorker();
await finishSignIn().catch(() => {}); // the way in is shown again
startRouter();
startClock();
watchConnection();
startAnnouncing();
const root = document.getElementById("app");
if (root) {
  root.replaceChildren();
  render(<App />, root);
}
