// The first room: the form, what is being made, and what was made last.

import { useEffect } from "preact/hooks";
import { make as words } from "../../strings";
import { Recent } from "../look/recent";
import { Works } from "../wait/works";
import { Composer } from "./composer";
import { startQuotes } from "./quote";
import { resume } from "./submit";

export function Room() {
  useEffect(() => {
    void resume();
    return startQuotes();
  }, []);
  return (
    <div class="make">
      <h1 class="visually-hidden">{words.title}</h1>
      <Composer />
      <div class="reel">
        <Works />
        <Recent />
      </div>
    </div>
  );
}
