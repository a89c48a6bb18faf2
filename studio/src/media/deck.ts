// One deck plays one or several films as one: play, pause, seek and step reach all of them. The longest
// leads; the others are kept beside it, and held with it while one of them has nothing to show.

import { signal } from "@preact/signals";

const FAR = 0.25;
const NEAR = 0.04;
/** What is tried to find the next frame of a film whose rate is not known: rates go up to 60. */
const PROBE = 1 / 60;
const PROBES = 15;
const SHOWN_WITHIN = 80;

export class Deck {
  readonly playing = signal(false);
  readonly loop = signal(true);
  readonly muted = signal(true);
  readonly rate = signal(1);
  /** Seconds. */
  readonly time = signal(0);
  readonly length = signal(0);
  /** Seconds that a frame of the leading film lasts; 0 until that is known. */
  readonly frame = signal(0);

  private readonly films = new Map<HTMLVideoElement, AbortController>();
  private readonly shown = new WeakMap<HTMLVideoElement, { at: number; count: number }>();
  private steps: Promise<void> = Promise.resolve();
  /** How many frames the leader had shown when it was last sent somewhere. */
  private sought: number | undefined;
  private seeks = 0;
  private ticking = 0;

  constructor(private readonly autoplay: boolean) {}

  /** Take a film in; call what is returned when its element goes. */
  add(film: HTMLVideoElement): () => void {
    const gone = new AbortController();
    const on = (name: string, listener: () => void): void =>
      film.addEventListener(name, listener, { signal: gone.signal });
    this.films.set(film, gone);
    film.muted = true;
    on("loadedmetadata", () => this.measured());
    on("canplay", () => this.ready());
    on("waiting", () => this.hold());
    on("ended", () => {
      if (film === this.leader) this.finished();
    });
    // by the browser or a key of the keyboard's own; several are also paused by `hold`
    on("pause", () => this.films.size === 1 && !film.ended && this.settle());
    on("seeked", () => {
      if (!this.playing.value) this.read();
    });
    this.watch(film, gone.signal);
    return () => {
      gone.abort();
      this.films.delete(film);
      if (!this.films.size) this.settle();
    };
  }

  toggle(): void {
    if (this.playing.value) this.pause();
    else this.play();
  }

  play(): void {
    const { leader } = this;
    if (!leader) return;
    if (this.time.value >= this.length.value - 0.01) this.seek(0);
    this.playing.value = true;
    this.ready();
    if (!this.ticking) this.tick();
  }

  pause(): void {
    this.settle();
    for (const film of this.films.keys()) film.pause();
    this.read();
    this.align(0);
  }

  seek(seconds: number): void {
    const at = Math.min(Math.max(0, seconds), this.length.value);
    this.time.value = at;
    this.seeks += 1;
    this.sought = this.shownBy(this.leader);
    for (const film of this.films.keys()) film.currentTime = within(film, at);
  }

  /** The next frame (1) or the one before (-1); presses while one is on its way follow it, and a seek
   * ends them. */
  step(direction: 1 | -1): Promise<void> {
    this.pause();
    const { seeks } = this;
    this.steps = this.steps.then(() => this.stepped(direction, () => this.seeks === seeks));
    return this.steps;
  }

  setMuted(muted: boolean): void {
    this.muted.value = muted;
    for (const film of this.films.keys()) film.muted = muted || film !== this.leader;
  }

  setLoop(loop: boolean): void {
    this.loop.value = loop;
    this.measured();
  }

  setRate(rate: number): void {
    this.rate.value = rate;
    for (const film of this.films.keys()) film.playbackRate = rate;
  }

  get leader(): HTMLVideoElement | null {
    let longest: HTMLVideoElement | null = null;
    for (const film of this.films.keys()) {
      if (!longest || (film.duration || 0) > (longest.duration || 0) + 0.05) longest = film;
    }
    return longest;
  }

  private measured(): void {
    const { leader } = this;
    this.length.value = Number.isFinite(leader?.duration) ? (leader?.duration ?? 0) : 0;
    // one film goes round by itself, without a gap
    for (const film of this.films.keys()) film.loop = this.loop.value && this.films.size === 1;
    const all = [...this.films.keys()].every((film) => film.readyState > 0);
    if (all && this.autoplay && !this.playing.value && this.time.value === 0) this.play();
  }

  /** Go on as soon as every film has something to show. */
  private ready(): void {
    if (!this.playing.value) return;
    const all = [...this.films.keys()];
    if (all.length > 1 && all.some((film) => !film.ended && film.readyState < 3)) return;
    for (const film of all) {
      const over = film !== this.leader && this.time.value >= film.duration;
      if (film.paused && !over) film.play().catch(() => this.settle());
    }
  }

  private hold(): void {
    if (!this.playing.value || this.films.size < 2) return;
    for (const film of this.films.keys()) if (film.readyState >= 3) film.pause();
  }

  private finished(): void {
    if (!this.loop.value) return this.settle();
    this.seek(0);
    this.ready();
  }

  private settle(): void {
    this.playing.value = false;
    cancelAnimationFrame(this.ticking);
    this.ticking = 0;
  }

  private tick = (): void => {
    this.read();
    this.align(NEAR);
    this.ticking = this.playing.value ? requestAnimationFrame(this.tick) : 0;
  };

  private read(): void {
    const { leader } = this;
    if (leader) this.time.value = leader.currentTime;
  }

  /** Bring the others to the leader: gently while they are near, at once where they are far. */
  private align(near: number): void {
    const { leader } = this;
    if (!leader || this.films.size < 2) return;
    for (const film of this.films.keys()) {
      if (film === leader || film.seeking) continue;
      const late = within(film, leader.currentTime) - film.currentTime;
      if (Math.abs(late) > (near ? FAR : 0.001)) film.currentTime += late;
      else film.playbackRate = this.rate.value * (Math.abs(late) > near ? (late > 0 ? 1.06 : 0.94) : 1);
    }
  }

  private async stepped(direction: 1 | -1, isDue: () => boolean): Promise<void> {
    const { leader: film } = this;
    if (!film) return;
    await this.arrived(film, this.sought); // it counts from where a seek leads, not from where it began
    if (!isDue()) return;
    this.sought = undefined;
    const from = this.shown.get(film)?.at ?? film.currentTime;
    if (this.frame.value) {
      const next = Math.round(from / this.frame.value) + direction;
      await this.show(film, (next + 0.5) * this.frame.value);
    } else {
      for (let tried = 1; tried <= PROBES; tried++) {
        await this.show(film, from + direction * tried * PROBE);
        if (!isDue()) return;
        const at = this.shown.get(film)?.at ?? from;
        const apart = Math.abs(at - from);
        if (apart < 0.004) continue;
        this.frame.value = apart;
        await this.show(film, at + apart / 2);
        break;
      }
    }
    this.read();
    this.align(0);
  }

  private async show(film: HTMLVideoElement, at: number): Promise<void> {
    const before = this.shownBy(film);
    film.currentTime = Math.min(Math.max(0, at), Math.max(0, film.duration - 0.001));
    await this.arrived(film, before);
  }

  /** Wait for the end of a seek, and for a frame after the first `before`. */
  private async arrived(film: HTMLVideoElement, before: number | undefined): Promise<void> {
    if (film.seeking) await new Promise((resolve) => film.addEventListener("seeked", resolve, { once: true }));
    const limit = performance.now() + SHOWN_WITHIN;
    while (this.shownBy(film) === before && performance.now() < limit) {
      await new Promise((resolve) => setTimeout(resolve, 8));
    }
  }

  private shownBy(film: HTMLVideoElement | null): number | undefined {
    return film ? this.shown.get(film)?.count : undefined;
  }

  /** Note each frame that is shown, and from two neighbours how long a frame lasts. */
  private watch(film: HTMLVideoElement, gone: AbortSignal): void {
    if (!film.requestVideoFrameCallback) {
      this.frame.value = 1 / 30;
      return;
    }
    const noted = (_: number, { mediaTime: at, presentedFrames: count }: VideoFrameCallbackMetadata): void => {
      if (gone.aborted) return;
      const before = this.shown.get(film);
      const apart = before && count === before.count + 1 ? at - before.at : 0;
      // a frame may be dropped, never invented: the shortest time is the true one
      const known = this.frame.value || Infinity;
      if (film === this.leader && !film.paused && apart > 0.004 && apart < Math.min(0.2, known - 0.001)) {
        this.frame.value = apart;
      }
      this.shown.set(film, { at, count });
      film.requestVideoFrameCallback(noted);
    };
    film.requestVideoFrameCallback(noted);
  }
}

/** A time of the leader in a film that may be shorter: it stays on its last frame. */
const within = (film: HTMLVideoElement, at: number): number =>
  Number.isFinite(film.duration) ? Math.min(at, Math.max(0, film.duration - 0.001)) : at;
