// Signs on buttons whose words are their label.

const PATHS = {
  play: "M7 4.5v15l12-7.5z",
  pause: "M6.5 5h4v14h-4zM13.5 5h4v14h-4z",
  back: "M5 5h2.5v14H5zM19 5v14L9 12z",
  on: "M16.5 5H19v14h-2.5zM5 5v14l10-7z",
  loop: "M17 3.5 21 7l-4 3.5V8H8a3 3 0 0 0-3 3v1.5H3V11a5 5 0 0 1 5-5h9zM7 20.5 3 17l4-3.5V16h9a3 3 0 0 0 3-3v-1.5h2V13a5 5 0 0 1-5 5H7z",
  sound: "M4 9v6h4l5 4V5L8 9zM15.5 8.5a5 5 0 0 1 0 7l1.4 1.4a7 7 0 0 0 0-9.8z",
  silence: "M4 9v6h4l5 4V5L8 9zM15.3 9.7l1.4-1.4 2 2 2-2 1.4 1.4-2 2 2 2-1.4 1.4-2-2-2 2-1.4-1.4 2-2z",
  full: "M4 4h6v2H6v4H4zM14 4h6v6h-2V6h-4zM4 14h2v4h4v2H4zM18 14h2v6h-6v-2h4z",
  side: "M3 5h8v14H3zM13 5h8v14h-8zM15 7v10h4V7z",
  check: "M9.5 17.5 4 12l1.6-1.6 3.9 3.9 8.9-8.9L20 7z",
  search: "M10.5 4a6.5 6.5 0 0 1 5.2 10.4l4.4 4.4-1.3 1.3-4.4-4.4A6.5 6.5 0 1 1 10.5 4zm0 2a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9z",
};

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
