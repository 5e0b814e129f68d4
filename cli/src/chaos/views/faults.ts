import { randomOf } from '../../shop/random.ts';
import type { Random } from '../../shop/random.ts';

export type StoreEngine = 'redis' | 'search' | 'clickhouse';
/** Redis has a process of sinks for itself, the others share one. */
export type SinksProcess = 'sinks' | 'sinks-2';

export type ViewsFault =
  /** kill −9, so long after it works. */
  | { readonly kind: 'sinks'; readonly process: SinksProcess; readonly afterMs: number }
  /** kill −9 so long after its start, whatever it is doing then. */
  | { readonly kind: 'sinks-early'; readonly process: SinksProcess; readonly afterMs: number }
  /** kill −9 of a store; it is started again `awayMs` later. */
  | { readonly kind: 'store'; readonly store: StoreEngine; readonly afterMs: number; readonly awayMs: number }
  /** kill −9 of the operator's command, so long after its start; it is given again. */
  | { readonly kind: 'rebuild'; readonly afterMs: number }
  /** SIGSTOP of sinks or a store: it takes requests and answers none. */
  | {
      readonly kind: 'freeze';
      readonly process: SinksProcess | StoreEngine;
      readonly afterMs: number;
      readonly forMs: number;
    };

export function isKill({ kind }: ViewsFault): boolean {
  return kind !== 'freeze';
}

const processes = ['sinks', 'sinks-2'] as const;
const stores = ['redis', 'search', 'clickhouse'] as const;

/** The whole schedule, from the seed alone: so many kills, and some freezes between them. */
export function viewsFaults(seed: string, kills: number): ViewsFault[] {
  const random = randomOf(seed, 'views faults');
  const faults: ViewsFault[] = [];
  let last: SinksProcess = 'sinks';
  for (let killed = 0; killed < kills;) {
    const fault = drawn(random, last);
    if (fault.kind === 'sinks') last = fault.process;
    if (isKill(fault)) killed++;
    faults.push(fault);
  }
  return faults;
}

function drawn(random: Random, last: SinksProcess): ViewsFault {
  const afterMs = random.int(0, random.pick([50, 400, 1_500, 4_000]));
  const draw = random.next();
  if (draw < 0.1) {
    return { kind: 'freeze', process: random.pick([...processes, ...stores]), afterMs, forMs: random.int(100, 5_000) };
  }
  if (draw < 0.35) return { kind: 'sinks', process: random.pick(processes), afterMs };
  // Whoever was killed last is most likely still starting.
  if (draw < 0.45) return { kind: 'sinks-early', process: last, afterMs: random.int(0, 1_500) };
  if (draw < 0.7) return { kind: 'rebuild', afterMs: random.int(0, random.pick([1_000, 8_000])) };
  const awayMs = random.chance(0.5) ? random.int(0, 5_000) : 0;
  return { kind: 'store', store: random.pick(stores), afterMs, awayMs };
}
