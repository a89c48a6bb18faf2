// The wall: films of every shape in rows of one width, like prints on a contact sheet. All heights are
// known beforehand, so what is out of sight needs no element and no library to measure it.

import type { Video } from "../../api/types";
import { sides } from "../../api/sizes";
import { look as words } from "../../strings";

export interface Tile {
  video: Video;
  /** Its place among all, from 0. */
  at: number;
  width: number;
}

export interface Row {
  key: string;
  top: number;
  height: number;
  /** Of a row of films; a row that begins a time has none. */
  tiles: Tile[];
  picture: number;
  title: string | null;
}

export interface Wall {
  rows: Row[];
  height: number;
  /** The row of each video. */
  rowOf: number[];
}

export const GAP = 14;
const CAPTION = 30;
const TITLE = 58;
const STRETCH = 1.35;

export function shapeOf(video: Video): number {
  const [output] = video.outputs;
  const [width, height] = output ? [output.width, output.height] : sides(video.size);
  return Math.min(2.4, Math.max(0.5, width / height || 1));
}

/** Rows about this high, as wide as the wall. */
export function layOut(videos: readonly Video[], width: number, high: number, now: number): Wall {
  const wall: Wall = { rows: [], height: 0, rowOf: [] };
  const timeOf = times(now);
  let title: string | null = null;
  let row: { video: Video; at: number; shape: number }[] = [];
  let shapes = 0;
  const close = (full: boolean): void => {
    if (!row.length) return;
    const room = width - GAP * (row.length - 1);
    const picture = Math.round(Math.min(room / shapes, full ? high * STRETCH : high));
    const tiles = row.map(({ video, at, shape }) => ({ video, at, width: Math.floor(shape * picture) }));
    // what rounding leaves goes to the last one, so that rows end in one line
    const left = room - tiles.reduce((sum, each) => sum + each.width, 0);
    if (full && Math.abs(left) < GAP) tiles.at(-1)!.width += left;
    for (const { at } of tiles) wall.rowOf[at] = wall.rows.length;
    add({ key: tiles[0]!.video.id, height: picture + CAPTION + GAP, tiles, picture, title: null });
    row = [];
    shapes = 0;
  };
  const add = (made: Omit<Row, "top">): void => {
    wall.rows.push({ ...made, top: wall.height });
    wall.height += made.height;
  };
  videos.forEach((video, at) => {
    const time = timeOf(video.created_at);
    if (time !== title) {
      close(false);
      title = time;
      add({ key: time, height: TITLE, tiles: [], picture: 0, title });
    }
    const shape = shapeOf(video);
    row.push({ video, at, shape });
    shapes += shape;
    if (shapes * high + GAP * (row.length - 1) >= width) close(true);
  });
  close(false);
  return wall;
}

/** In which stretch of time a moment lies, in words. */
function times(now: number): (at: number) => string {
  const midnight = new Date(now * 1000).setHours(0, 0, 0, 0) / 1000;
  const month = new Intl.DateTimeFormat(undefined, { month: "long", year: "numeric" });
  return (at) => {
    if (at >= midnight) return words.today;
    if (at >= midnight - 86_400) return words.yesterday;
    if (at >= midnight - 6 * 86_400) return words.thisWeek;
    return month.format(at * 1000);
  };
}

/** The first row that ends below `top`, and the last one that begins above `bottom`. */
export function between({ rows }: Wall, top: number, bottom: number): [number, number] {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const row = rows[middle]!;
    if (row.top + row.height < top) low = middle + 1;
    else high = middle;
  }
  let last = low;
  while (last + 1 < rows.length && rows[last + 1]!.top < bottom) last += 1;
  return [low, last];
}

/** The film that is above (-1) or below (1) another one, nearest by its middle. */
export function beside(wall: Wall, at: number, direction: -1 | 1): number | null {
  const index = wall.rowOf[at];
  if (index === undefined) return null;
  const from = wall.rows[index]!;
  let next = index + direction;
  while (wall.rows[next] && !wall.rows[next]!.tiles.length) next += direction;
  const row = wall.rows[next];
  if (!row) return null;
  const middle = middles(from.tiles).find((each) => each.at === at)?.middle ?? 0;
  return middles(row.tiles).reduce((best, each) =>
    Math.abs(each.middle - middle) < Math.abs(best.middle - middle) ? each : best,
  ).at;
}

function middles(tiles: readonly Tile[]): { at: number; middle: number }[] {
  let left = 0;
  return tiles.map(({ at, width }) => {
    const middle = left + width / 2;
    left += width + GAP;
    return { at, middle };
  });
}

export const px = (length: number): string => `${length}px`;
