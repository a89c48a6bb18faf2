// The frames of a film as one picture, to look through it without playing it: the upstream's
// spritesheet, or, where there is none, frames drawn here once and kept.
//
// No upstream says how its spritesheet is laid out. Its cells have the shape of the film, so the sheet's
// own shape tells how many columns and rows it has; of several grids that fit, the coarsest whose cells
// are no wider than sheets have them is taken.

import { useEffect, useState } from "preact/hooks";
import type { Output, Video } from "../api/types";
import { draw } from "./draw";
import { Line } from "./line";
import { contentPath, download } from "./media";
import { keptPicture, pictureUrl } from "./pictures";
import { outputOf } from "./poster";

export interface Strip {
  url: string;
  columns: number;
  rows: number;
}

const DRAWN = 8;
const COLUMNS = 4;
const WIDTH = 240;
const MOST = 12;
const WIDEST = 480;
const NEARLY = 0.03;

const line = new Line(2);
/** By sha256: the name of the picture, and its grid. */
const known = new Map<string, { name: string; columns: number; rows: number }>();

/** Columns and rows of a sheet of cells of this shape (width by height); null where none fit. */
export function grid(width: number, height: number, shape: number): [number, number] | null {
  for (let rows = 1; rows <= MOST; rows++) {
    for (let columns = 1; columns <= MOST; columns++) {
      const cell = width / columns;
      const apart = Math.abs(cell / (height / rows) / shape - 1);
      if (columns * rows > 1 && cell <= WIDEST && apart < NEARLY) return [columns, rows];
    }
  }
  return null;
}

/** The strip as soon as it is there, for an element that wants it. */
export function useStrip(video: Video, index: number, wanted: boolean): Strip | null {
  const output = outputOf(video, index);
  const [, redraw] = useState(0);
  const found = output ? atHand(output) : null;
  useEffect(() => {
    if (!wanted || !output || found) return;
    const left = new AbortController();
    line
      .turn(() => makeStrip(video, output, left.signal), left.signal)
      .then(() => {
        if (!left.signal.aborted) redraw((count) => count + 1);
      })
      .catch(() => {}); // then there is nothing to look through
    return () => left.abort();
  }, [video.id, output?.sha256, wanted, found === null]);
  return found;
}

function atHand({ sha256 }: Output): Strip | null {
  const strip = known.get(sha256);
  const url = strip ? pictureUrl(strip.name) : null;
  return strip && url ? { ...strip, url } : null;
}

async function makeStrip(video: Video, output: Output, left: AbortSignal): Promise<void> {
  const { index, sha256, width, height } = output;
  if (output.variants.includes("spritesheet")) {
    const path = contentPath(video.id, index, "spritesheet");
    const name = `sheet/${sha256}`;
    const sheet = new Image();
    sheet.src = await keptPicture(name, () => download(path, left));
    await sheet.decode();
    const found = grid(sheet.naturalWidth, sheet.naturalHeight, width / height);
    if (found) {
      known.set(sha256, { name, columns: found[0], rows: found[1] });
      return;
    }
  }
  const shares = Array.from({ length: DRAWN }, (_, number) => number / DRAWN);
  const name = `strip/${sha256}`;
  await keptPicture(name, () => draw(contentPath(video.id, index), shares, COLUMNS, WIDTH));
  known.set(sha256, { name, columns: COLUMNS, rows: DRAWN / COLUMNS });
}

/** How an element shows the frame at a share of the film. */
export function frameStyle({ url, columns, rows }: Strip, share: number): Record<string, string> {
  const count = columns * rows;
  const cell = Math.min(count - 1, Math.max(0, Math.floor(share * count)));
  const at = (position: number, of: number): string => `${of > 1 ? (position / (of - 1)) * 100 : 0}%`;
  return {
    backgroundImage: `url("${url}")`,
    backgroundSize: `${columns * 100}% ${rows * 100}%`,
    backgroundPosition: `${at(cell % columns, columns)} ${at(Math.floor(cell / columns), rows)}`,
  };
}
