// The rooms, in the order of the navigation. A room is a folder below rooms/ with its own parts, loaded
// when it is entered first; a new one is a line here and a file in strings/ and styles/.

import { computed } from "@preact/signals";
import type { ComponentType } from "preact";
import { admin } from "./store/money";
import { batches, look, make, money, operate } from "./strings";

export interface Room {
  /** The first step of its path; the first room's is empty. */
  step: string;
  title: string;
  /** Whether it is there for admins only. */
  operators?: true;
  load: () => Promise<{ Room: ComponentType<{ steps: string[] }> }>;
}

const all: Room[] = [
  { step: "", title: make.title, load: () => import("./rooms/make/room") },
  { step: "look", title: look.title, load: () => import("./rooms/look/room") },
  { step: "batches", title: batches.title, load: () => import("./rooms/batches/room") },
  { step: "money", title: money.title, load: () => import("./rooms/money/room") },
  { step: "operate", title: operate.title, operators: true, load: () => import("./rooms/operate/room") },
];

/** Those that the caller may enter. */
export const rooms = computed(() => all.filter((room) => !room.operators || admin.value));
