const PAUSE_MS = 30 * 60_000;

/** A session or a single event: first and last time, and what was done, as ClickHouse tells it. */
type Told = readonly [startedAt: string, lastAt: string, ...counts: (string | number)[]];
interface Part {
  readonly first: string;
  last: string;
  counts: number[];
}

/**
 * The sessions that the tables must show: those of the view, and the events that came too late for one put where they belong. So every event is
 * looked for in one of the two, whenever it came.
 */
export function sessionsWithLate(told: readonly Told[]): readonly (string | number)[][] {
  const parts: Part[] = [];
  for (const [first, last, ...counts] of [...told].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const before = parts.at(-1);
    const numbers = counts.map(Number);
    if (before === undefined || time(first) - time(before.last) >= PAUSE_MS) {
      parts.push({ first, last, counts: numbers });
      continue;
    }
    before.last = last > before.last ? last : before.last;
    before.counts = before.counts.map((count, at) => count + (numbers[at] ?? 0));
  }
  return parts.map(({ first, last, counts }) => [first, last, ...counts]);
}

/** Those that began no earlier than the first one of the tables, which throw old ones away (`BEHAVIOUR_RETENTION_DAYS`). */
export function sinceFirst(should: Record<string, unknown>, held: Record<string, unknown>): Record<string, unknown> {
  const first = (should['sessions'] as readonly Told[] | undefined)?.[0]?.[0];
  if (first === undefined) return held;
  return { ...held, sessions: (held['sessions'] as readonly Told[]).filter(([startedAt]) => startedAt >= first) };
}

const time = (text: string): number => Date.parse(`${text.replace(' ', 'T')}Z`);
