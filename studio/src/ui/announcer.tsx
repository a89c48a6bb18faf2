// Says the end of a video to who does not see its card change.

import { effect } from "@preact/signals";
import { ofCaller } from "../store/session";
import { isUnfinished, videos } from "../store/videos";
import { wait as words } from "../strings";

const said = ofCaller("");

export function startAnnouncing(): void {
  let before = new Set<string>();
  effect(() => {
    const news = videos.value.find((each) => before.has(each.id) && !isUnfinished(each));
    if (news) said.value = (news.status === "completed" ? words.ready : words.ended)(news.prompt);
    before = new Set(videos.value.filter(isUnfinished).map((each) => each.id));
  });
}

export function Announcer() {
  return (
    <p class="visually-hidden" role="status">
      {said.value}
    </p>
  );
}
