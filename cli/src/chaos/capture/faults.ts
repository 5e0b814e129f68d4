import { randomOf } from '../../shop/random.ts';

/** What is done to the producer, or to what it stands on. */
export type Fault =
  /** kill −9, so long after it streams. */
  | { readonly kind: 'kill'; readonly afterMs: number }
  /** kill −9 so long after its start, whatever it is doing then. */
  | { readonly kind: 'kill-early'; readonly afterMs: number }
  /** kill −9 so long after its snapshot has begun. */
  | { readonly kind: 'kill-in-snapshot'; readonly afterMs: number }
  /** SIGSTOP, so long after it streams, for a while. */
  | { readonly kind: 'pause'; readonly afterMs: number; readonly forMs: number }
  /** SIGSTOP; its connection ended, a successor started; then SIGCONT. */
  | { readonly kind: 'zombie'; readonly afterMs: number; readonly forMs: number }
  /** A second producer waits beside it; the first is killed. */
  | { readonly kind: 'take-over'; readonly afterMs: number }
  /** kill −9 of the engine, which its supervisor starts again. */
  | { readonly kind: 'engine'; readonly engine: 'kafka' | 'postgres'; readonly afterMs: number };

/** Of those that kill a producer. */
export function isKill({ kind }: Fault): boolean {
  return kind !== 'pause' && kind !== 'engine';
}

const ENGINE_CHANCE = 0.03;
const PAUSE_CHANCE = 0.1;

/** The whole schedule, from the seed alone: so many kills, pauses and engines' restarts between them. The first kills are in the snapshot. */
export function faultSchedule(seed: string, kills: number, engines: boolean): Fault[] {
  const random = randomOf(seed, 'faults');
  const inSnapshot = Math.min(3, Math.ceil(kills / 4));
  const faults: Fault[] = Array.from({ length: inSnapshot }, () => ({
    kind: 'kill-in-snapshot',
    afterMs: random.int(0, 250),
  }));
  let killed = inSnapshot;
  while (killed < kills) {
    const afterMs = random.int(0, random.pick([50, 400, 1_500]));
    if (engines && random.chance(ENGINE_CHANCE)) {
      faults.push({ kind: 'engine', engine: random.pick(['kafka', 'postgres']), afterMs });
    } else if (random.chance(PAUSE_CHANCE)) faults.push({ kind: 'pause', afterMs, forMs: random.int(50, 3_000) });
    else {
      killed++;
      const draw = random.next();
      if (draw < 0.6) faults.push({ kind: 'kill', afterMs });
      else if (draw < 0.8) faults.push({ kind: 'kill-early', afterMs: random.int(0, 1_500) });
      else if (draw < 0.9) faults.push({ kind: 'zombie', afterMs, forMs: random.int(0, 500) });
      else faults.push({ kind: 'take-over', afterMs });
    }
  }
  return faults;
}
