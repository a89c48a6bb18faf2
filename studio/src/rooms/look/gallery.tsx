// All videos, as far as they are loaded; older ones come as they are scrolled to or looked for.

import { useSignal } from "@preact/signals";
import { hasMore, loaded, loadMore, videos } from "../../store/videos";
import { look as words, shell } from "../../strings";
import { Button } from "../../ui/button";
import { batchVideos } from "./batches";
import { FilterBar } from "./filter_bar";
import { batch, isFiltered, matching } from "./filters";
import { picked } from "./picked";
import { Wall } from "./wall";

const PAGE = 100;

export function Gallery({ start }: { start: string | null }) {
  const stuck = useSignal(false);
  const found = matching.value;
  const more = async (): Promise<void> => {
    if (!hasMore.peek() || stuck.peek() || (batch.peek() && !batchVideos.peek())) return;
    try {
      await loadMore(PAGE);
    } catch {
      stuck.value = true;
    }
  };
  const retry = (): void => {
    stuck.value = false;
    void more();
  };
  return (
    <section class="gallery" aria-labelledby="look-title">
      <h1 id="look-title" class="visually-hidden">
        {words.title}
      </h1>
      <FilterBar />
      {picked.value && (
        <p class="notice picking" role="status">
          {words.picked}{" "}
          <Button kind="quiet" onClick={() => (picked.value = null)}>
            {words.unpick}
          </Button>
        </p>
      )}
      <Wall videos={found} start={start} onNearEnd={() => void more()} />
      <p class="more" role="status">
        {stuck.value ? (
          <>
            {words.stuck} <Button onClick={retry}>{words.retry}</Button>
          </>
        ) : hasMore.value || !loaded.value ? (
          found.length && !isFiltered.value ? words.loadingMore : loaded.value ? words.searching(videos.value.length) : shell.loading
        ) : null}
      </p>
      {!found.length && !hasMore.value && loaded.value && (
        <p class="empty">{isFiltered.value ? words.nothingFound : words.none}</p>
      )}
    </section>
  );
}
