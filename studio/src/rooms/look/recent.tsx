// What was made last, ready to be played where it stands.

import { change } from "../../store/draft";
import { isGoing } from "../../store/removal";
import { ended, loaded, unfinished } from "../../store/videos";
import { look as words, shell } from "../../strings";
import { link } from "../../router";
import { FailureCard } from "../wait/failure";
import { Tile } from "./tile";

const SHOWN = 12;

export function Recent() {
  const there = ended.value.filter((each) => !isGoing(each.id));
  const shown = there.slice(0, SHOWN);
  if (!shown.length && unfinished.value.length) return null;
  return (
    <section aria-labelledby="recent-title">
      <div class="section-head">
        <h2 id="recent-title">{words.recent}</h2>
        {there.length > 0 && <a href={link("look")}>{words.more}</a>}
      </div>
      {!shown.length && (loaded.value ? <First /> : <p class="empty">{shell.loading}</p>)}
      <ul class="tiles">
        {shown.map((video) => (
          <li key={video.id}>
            {video.status === "completed" ? <Tile video={video} /> : <FailureCard video={video} />}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** For whoever has made nothing yet. */
function First() {
  const begin = (prompt: string): void => {
    change({ prompt });
    document.getElementById("prompt")?.focus();
  };
  return (
    <div class="first">
      <p class="said">{words.first}</p>
      <p class="hint">{words.firstHint}</p>
      <ul>
        {words.ideas.map((idea) => (
          <li key={idea}>
            <button type="button" onClick={() => begin(idea)}>
              {idea}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
