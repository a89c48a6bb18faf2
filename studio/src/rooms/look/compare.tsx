// Two videos that play as one: the same moment of both, whatever is done.

import type { Video } from "../../api/types";
import { go, link } from "../../router";
import { look as words, shell } from "../../strings";
import { size as shown, usd } from "../../ui/format";
import { Player, playsAtOnce } from "../../ui/player";
import { useVideo } from "./known";

export function Compare({ ids: [one, other] }: { ids: [string, string] }) {
  const left = useVideo(one);
  const right = useVideo(other);
  if (left === null || right === null) return <p class="empty">{shell.loading}</p>;
  if (left?.status !== "completed" || right?.status !== "completed") {
    return (
      <p class="empty">
        {words.gone} <a href={link("look")}>{words.back}</a>
      </p>
    );
  }
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === "Escape") go("look");
  };
  return (
    <article class="comparison" aria-labelledby="compare-title" onKeyDown={onKey}>
      <nav class="screen-nav" aria-label={words.wall}>
        <a href={link("look")}>← {words.back}</a>
      </nav>
      <h1 id="compare-title" class="visually-hidden">
        {words.comparing}
      </h1>
      <Player
        films={[left, right].map((video, at) => ({
          video,
          index: 0,
          below: <Beside video={video} other={at ? left : right} />,
        }))}
        autoplay={playsAtOnce()}
        focused
      />
    </article>
  );
}

/** Under its film: its words, and in what it differs. */
function Beside({ video, other }: { video: Video; other: Video }) {
  const facts = settings(video);
  const others = new Set(settings(other));
  return (
    <div class="beside">
      <p class="said">
        <a href={link("look", video.id)}>{video.prompt}</a>
      </p>
      <p class="hint figures">
        {facts.map((each, at) => (
          <span key={each}>
            {at > 0 && " · "}
            {others.has(each) ? each : <mark>{each}</mark>}
          </span>
        ))}
      </p>
    </div>
  );
}

const settings = (video: Video): string[] => [
  video.model,
  shown(video.size),
  `${video.seconds} s`,
  ...Object.entries(video.parameters).map(([name, value]) => `${name} ${value}`),
  usd(video.cost.actual ?? video.cost.estimated),
];
