// Work that takes its turn: a few at once, and what nobody waits for any more is not begun.

export class Line {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly atOnce: number) {}

  async turn<T>(work: () => Promise<T>, left: AbortSignal): Promise<T> {
    while (this.running >= this.atOnce) await new Promise<void>((next) => this.waiting.push(next));
    if (left.aborted) {
      this.waiting.shift()?.();
      throw left.reason;
    }
    this.running += 1;
    try {
      return await work();
    } finally {
      this.running -= 1;
      this.waiting.shift()?.();
    }
  }
}
