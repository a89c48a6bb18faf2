// One video, large, with everything that can be known of it and done with it.

import { useSignal } from "@preact/signals";
import type { Video } from "../../api/types";
import { usePoster } from "../../media/poster";
import { go, link } from "../../router";
import { isGoing } from "../../store/removal";
import { isUnfinished } from "../../store/videos";
import { look as words, shell } from "../../strings";
import { Player, playsAtOnce } from "../../ui/player";
import { FailureCard } from "../wait/failure";
import { WaitingCard } from "../wait/card";
import { Actions, neighbours, removeAndGoOn } from "./actions";
import { Facts } from "./facts";
import { Family } from "./family";
import { useVideo } from "./known";

export function Screen({ id }: { id: string }) {
  const video = useVideo(id);
  const going = isGoing(id);
  if (video === null) return <p class="empty">{shell.loading}</p>;
  if (!video || going) {
    return (
      <p class="empty">
        {words.gone} <a href={link("look")}>{words.back}</a>
      </p>
    );
  }
  return <Shown video={video} />;
}

function Shown({ video }: { video: Video }) {
  const index = useSignal(0);
  const several = useSignal(false);
  const poster = usePoster(video);
  const [newer, older] = neighbours(video.id);
  const onKey = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    // a question before a cancel has keys of its own
    if (event.target instanceof Element && event.target.closest("dialog, select, input:not([type=range])")) return;
    if (event.key === "Escape") go("look");
    else if (event.key === "n" && older) go("look", older);
    else if (event.key === "p" && newer) go("look", newer);
    else if (event.key === "Delete" && !isUnfinished(video)) removeAndGoOn(video);
    else return;
    event.preventDefault();
  };
  return (
    <article class="screen" aria-label={video.prompt} data-video={video.id} onKeyDown={onKey}>
      <nav class="screen-nav" aria-label={words.wall}>
        <a href={link("look")}>← {words.back}</a>
        <span>
          {newer && <a href={link("look", newer)}>{words.newer}</a>}
          {older && <a href={link("look", older)}>{words.older}</a>}
        </span>
      </nav>
      <div class="house">
        {poster && <img class="glow" src={poster} alt="" />}
        {video.status === "completed" ? (
          <Player
            key={several.value ? "all" : index.value}
            films={(several.value ? video.outputs.map((each) => each.index) : [index.value]).map((each) => ({
              video,
              index: each,
              label: video.outputs.length > 1 ? `${words.variant(each + 1)}: ${video.prompt}` : video.prompt,
              below: several.value ? <p class="film-label">{words.variant(each + 1)}</p> : undefined,
            }))}
            autoplay={playsAtOnce()}
            focused
          />
        ) : isUnfinished(video) ? (
          <WaitingCard video={video} />
        ) : (
          <FailureCard video={video} />
        )}
        {video.outputs.length > 1 && (
          <div class="variants">
            {video.outputs.map((each) => (
              <button
                key={each.index}
                type="button"
                aria-pressed={!several.value && each.index === index.value}
                onClick={() => {
                  several.value = false;
                  index.value = each.index;
                }}
              >
                {words.variant(each.index + 1)}
              </button>
            ))}
            <button type="button" aria-pressed={several.value} onClick={() => (several.value = true)}>
              {words.sideBySide}
            </button>
          </div>
        )}
      </div>
      <div class="notes">
        <h1 class="screen-prompt">{video.prompt}</h1>
        <Actions video={video} />
        <Family video={video} />
        <Facts video={video} />
        {video.status === "completed" && <Keys />}
      </div>
    </article>
  );
}

function Keys() {
  return (
    <details class="keys">
      <summary>{words.keys}</summary>
      <dl>
        {words.keyList.map(([key, meaning]) => (
          <div key={key}>
            <dt>
              {key.split(" ").map((each) => (
                <kbd key={each}>{each}</kbd>
              ))}
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
