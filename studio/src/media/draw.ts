// Frames of a film, drawn into a canvas. With the service worker only the parts that are shown are
// fetched.

import { BASE } from "../api/client";
import { download, whenControlled } from "./media";

/** A picture of a film's frames at these shares of its length, in a grid; each `width` pixels wide. */
export async function draw(
  path: string,
  shares: readonly number[],
  columns: number,
  width: number,
): Promise<Blob> {
  const whole = (await whenControlled()) ? null : URL.createObjectURL(await download(path));
  const film = document.createElement("video");
  film.muted = true;
  film.preload = "auto";
  film.playsInline = true;
  try {
    film.src = whole ?? BASE + path;
    await once(film, "loadedmetadata");
    const across = Math.min(width, film.videoWidth);
    const down = Math.round((across * film.videoHeight) / film.videoWidth);
    const canvas = document.createElement("canvas");
    canvas.width = across * columns;
    canvas.height = down * Math.ceil(shares.length / columns);
    const pen = canvas.getContext("2d");
    for (const [index, share] of shares.entries()) {
      film.currentTime = share * film.duration;
      await once(film, "seeked");
      pen?.drawImage(film, (index % columns) * across, Math.floor(index / columns) * down, across, down);
    }
    return await new Promise((resolve, reject) =>
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no frame"))), "image/webp", 0.8),
    );
  } finally {
    film.removeAttribute("src");
    film.load();
    if (whole) URL.revokeObjectURL(whole);
  }
}

/** A film that stalls must not keep the others waiting for their turn. */
const PATIENCE = 30_000;

const once = (film: HTMLVideoElement, name: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error("the film stalls")), PATIENCE);
    const end = (then: () => void) => (): void => {
      clearTimeout(late);
      then();
    };
    film.addEventListener(name, end(resolve), { once: true });
    film.addEventListener("error", end(() => reject(new Error("the film cannot be read"))), { once: true });
  });
