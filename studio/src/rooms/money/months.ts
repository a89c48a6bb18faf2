// Months of the calendar in UTC, as `2026-11`.

export const monthOf = (at: number): string => new Date(at * 1000).toISOString().slice(0, 7);

export const isMonth = (text: string | undefined): text is string =>
  text !== undefined && /^20\d\d-(0[1-9]|1[0-2])$/.test(text);

export function moved(month: string, by: number): string {
  const [year = 0, number = 1] = month.split("-").map(Number);
  return new Date(Date.UTC(year, number - 1 + by, 1)).toISOString().slice(0, 7);
}

/** All its days, as `2026-11-01`. */
export function daysOf(month: string): string[] {
  const days: string[] = [];
  const at = new Date(`${month}-01T00:00:00Z`);
  for (; at.toISOString().startsWith(month); at.setUTCDate(at.getUTCDate() + 1)) {
    days.push(at.toISOString().slice(0, 10));
  }
  return days;
}

export const monthName = (month: string): string =>
  new Date(`${month}-01T00:00:00Z`).toLocaleDateString(undefined, { month: "long", year: "numeric", timeZone: "UTC" });

export const dayName = (day: string): string =>
  new Date(`${day}T00:00:00Z`).toLocaleDateString(undefined, { day: "numeric", month: "long", timeZone: "UTC" });
