// Amounts and times as people read them.

/** US dollars of the API, to the cent, and finer where it is less than ten cents. */
export function usd(amount: string): string {
  const value = Number(amount);
  const digits = value > 0 && value < 0.1 ? 3 : 2;
  return `$${value.toLocaleString(undefined, { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

/** `45 s`, `3 min`, `1 h 20 min`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 100) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A clock: `0:07`, `12:05`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

export function day(at: number): string {
  return new Date(at * 1000).toLocaleDateString(undefined, { dateStyle: "medium" });
}

/** `1280x720` with a real multiplication sign. */
export const size = (text: string): string => text.replace("x", "×");
