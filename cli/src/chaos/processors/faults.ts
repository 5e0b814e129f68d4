import { randomOf } from '../../shop/random.ts';
import type { Random } from '../../shop/random.ts';

/** What is done to processes of the stream processors, which are numbered from 1 on. */
export type ProcessorFault =
  /** kill −9, so long after each of them works; they are started again `awayMs` later. */
  | { readonly kind: 'kill'; readonly processes: readonly number[]; readonly afterMs: number; readonly awayMs: number }
  /** kill −9 so long after its start, whatever it is doing then. */
  | { readonly kind: 'kill-early'; readonly process: number; readonly afterMs: number }
  /** SIGSTOP, so long after it works, for less time than the group waits. */
  | { readonly kind: 'pause'; readonly process: number; readonly afterMs: number; readonly forMs: number }
  /** SIGSTOP for so long that others have its tasks when it wakes. */
  | { readonly kind: 'zombie'; readonly process: number; readonly afterMs: number; readonly forMs: number }
  /** An orderly end; it joins again `awayMs` later. */
  | { readonly kind: 'leave'; readonly process: number; readonly afterMs: number; readonly awayMs: number };

/** Processes that a fault kills. */
export function killsOf(fault: ProcessorFault): number {
  if (fault.kind === 'kill') return fault.processes.length;
  return fault.kind === 'kill-early' ? 1 : 0;
}

/** After so long the group gives a silent process's tasks to others. */
const SESSION_MS = 6_000;

/**
 * The whole schedule, from the seed alone: so many kills, and pauses, zombies, leaves and joins between them.
 * @param processes how many there are; one of them at least is left alone by each fault.
 */
export function processorFaults(seed: string, kills: number, processes: number): ProcessorFault[] {
  const random = randomOf(seed, 'processor faults');
  const faults: ProcessorFault[] = [];
  let killed = 0;
  let last = 1;
  while (killed < kills) {
    const fault = drawn(random, processes, last, kills - killed);
    last = fault.kind === 'kill' ? (fault.processes[0] ?? 1) : fault.process;
    killed += killsOf(fault);
    faults.push(fault);
  }
  return faults;
}

function drawn(random: Random, processes: number, last: number, most: number): ProcessorFault {
  const afterMs = random.int(0, random.pick([50, 400, 1_500, 4_000]));
  const process = random.int(1, processes);
  const draw = random.next();
  if (draw < 0.1) return { kind: 'pause', process, afterMs, forMs: random.int(50, SESSION_MS / 2) };
  if (draw < 0.2) return { kind: 'zombie', process, afterMs, forMs: SESSION_MS + random.int(1_000, 4_000) };
  if (draw < 0.3) return { kind: 'leave', process, afterMs, awayMs: random.int(0, 5_000) };
  // Whoever was broken last is most likely still starting.
  if (draw < 0.5) return { kind: 'kill-early', process: last, afterMs: random.int(0, 2_500) };
  // Away for so long that others take over, or back before anyone notices.
  const awayMs = random.chance(0.4) ? SESSION_MS + random.int(1_000, 3_000) : 0;
  const another = 1 + (process % processes);
  const isPair = most > 1 && processes > 2 && random.chance(0.2);
  return { kind: 'kill', processes: isPair ? [process, another] : [process], afterMs, awayMs };
}
