// A film as a file on this machine, and proof that it is the one that the app keeps.

import type { Output, Video } from "../api/types";
import { contentPath, download } from "./media";

export type Verdict = "same" | "different" | "unchecked";

/** Fetch the film, compare its sha256 with the app's, and save it unless it differs. A page without
 * TLS cannot compute a hash: the file is saved `unchecked`. */
export async function save(video: Video, output: Output): Promise<Verdict> {
  const film = await download(contentPath(video.id, output.index));
  const digest = await sha256(film);
  const verdict = digest === null ? "unchecked" : digest === output.sha256 ? "same" : "different";
  if (verdict === "different") return verdict;
  const url = URL.createObjectURL(film);
  const anchor = document.createElement("a");
  anchor.href = url;
  anchor.download = fileName(video, output.index);
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser is still writing it
  return verdict;
}

async function sha256(blob: Blob): Promise<string | null> {
  if (!globalThis.crypto?.subtle) return null;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()));
  return [...digest].map((each) => each.toString(16).padStart(2, "0")).join("");
}

/** The first words of the prompt and the end of the id: readable, and no two alike. */
export function fileName(video: Video, index: number): string {
  const words = video.prompt
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter(Boolean)
    .slice(0, 6)
    .join("-");
  const number = video.outputs.length > 1 ? `-${index + 1}` : "";
  return `${words.slice(0, 60) || "video"}-${video.id.slice(-6)}${number}.mp4`;
}
