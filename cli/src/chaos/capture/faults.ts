import { randomOf } from '../../shop/random.ts';
import type { Random } from '../../shop/random.ts';

/** What is done to the producer. */
export type ProducerFault =
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
  | { readonly kind: 'take-over'; readonly afterMs: number };

/** What is done to what it stands on. `kill` is −9, `stop` an orderly end (a broker gives its leaders away); the supervisor starts it again. */
export type EngineFault =
  | { readonly kind: 'postgres'; readonly how: 'kill' | 'stop'; readonly afterMs: number }
  /** One broker, down for `forMs` at least; `freeze` is SIGSTOP: it takes requests and answers none. Other faults go on meanwhile. */
  | {
      readonly kind: 'broker';
      readonly broker: number;
      readonly how: 'kill' | 'stop' | 'freeze';
      readonly afterMs: number;
      readonly forMs: number;
    }
  /** All brokers killed −9, down for `forMs` at least. Other faults go on meanwhile. */
  | { readonly kind: 'outage'; readonly afterMs: number; readonly forMs: number };

export type Fault = ProducerFault | EngineFault;

/** The engines that faults may meet. */
export interface EnginesAtStake {
  readonly brokers: number;
  /** The longest time that all brokers are down. */
  readonly outageMs: number;
}

/** Of those that kill a producer. */
export function isKill({ kind }: Fault): boolean {
  return !isOfEngine(kind) && kind !== 'pause';
}

function isOfEngine(kind: Fault['kind']): boolean {
  return kind === 'postgres' || kind === 'broker' || kind === 'outage';
}

const POSTGRES_CHANCE = 0.02;
const KAFKA_CHANCE = 0.08;
const OUTAGE_CHANCE = 0.15;
const PAUSE_CHANCE = 0.1;
/** Longer than a broker of several may be silent before its leaders move. */
const MOVED_MS = 4_500;
const LONGEST_MS = 6_000;

/**
 * The whole schedule, from the seed alone: so many kills, pauses and faults of engines between them. The first kills are in the snapshot; then
 * a broker is killed for so long that its leaders move.
 * @param engines null where the engines are left alone.
 */
export function faultSchedule(seed: string, kills: number, engines: EnginesAtStake | null): Fault[] {
  const random = randomOf(seed, 'faults');
  const inSnapshot = Math.min(3, Math.ceil(kills / 4));
  const faults: Fault[] = Array.from({ length: inSnapshot }, () => ({
    kind: 'kill-in-snapshot',
    afterMs: random.int(0, 250),
  }));
  if (engines !== null) {
    const broker = random.int(1, engines.brokers);
    faults.push({ kind: 'broker', broker, how: 'kill', afterMs: random.int(0, 400), forMs: MOVED_MS });
  }
  let killed = inSnapshot;
  while (killed < kills) {
    const afterMs = random.int(0, random.pick([50, 400, 1_500, 4_000]));
    if (engines !== null && random.chance(POSTGRES_CHANCE)) {
      faults.push({ kind: 'postgres', how: random.pick(['kill', 'stop']), afterMs });
    } else if (engines !== null && random.chance(KAFKA_CHANCE)) faults.push(kafkaFault(random, engines, afterMs));
    else if (random.chance(PAUSE_CHANCE)) faults.push({ kind: 'pause', afterMs, forMs: random.int(50, 3_000) });
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

function kafkaFault(random: Random, { brokers, outageMs }: EnginesAtStake, afterMs: number): EngineFault {
  if (random.chance(OUTAGE_CHANCE)) return { kind: 'outage', afterMs, forMs: random.int(0, outageMs) };
  const broker = random.int(1, brokers);
  const how = random.pick(['kill', 'stop', 'freeze'] as const);
  return { kind: 'broker', broker, how, afterMs, forMs: random.int(0, random.pick([500, LONGEST_MS])) };
}
