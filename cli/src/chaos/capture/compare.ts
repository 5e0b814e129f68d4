import type { AuditedStep } from './audited-writers.ts';
import type { ReceivedPartition } from './received.ts';

export interface Comparison {
  /** Committed steps that were compared, those in the snapshot among them. */
  readonly committed: number;
  readonly lost: readonly string[];
  readonly duplicated: readonly string[];
  readonly reordered: readonly string[];
  /** Came, and was never committed. */
  readonly invented: readonly string[];
}

interface Streams {
  readonly expected: string[];
  readonly received: string[];
  readonly snapshot: Map<string, string>;
}

/**
 * Every committed step and its order against what a plain consumer got. Per aggregate, the changes received must be the end of those committed,
 * and the snapshot what the beginning leaves; the events received must be all of them. And in a partition, what one writer committed comes in
 * the order in which it did.
 */
export function compareSteps(
  committed: readonly AuditedStep[],
  partitions: ReadonlyMap<string, ReceivedPartition>,
): Comparison {
  const result = {
    lost: [] as string[],
    duplicated: [] as string[],
    reordered: [] as string[],
    invented: [] as string[],
  };
  const known = new Map(committed.map((audited) => [audited.step, audited]));
  const streams = new Map<string, Streams>();
  const streamOf = (name: string): Streams => {
    const stream = streams.get(name) ?? { expected: [], received: [], snapshot: new Map<string, string>() };
    streams.set(name, stream);
    return stream;
  };
  for (const { step, aggregate } of committed) streamOf(nameOf(step, aggregate)).expected.push(step);
  for (const [name, { steps, snapshot }] of partitions) {
    const last = new Map<number, number>();
    for (const step of steps) {
      const audited = known.get(step);
      if (audited === undefined) {
        result.invented.push(`${name}: ${step}`);
        continue;
      }
      streamOf(nameOf(step, audited.aggregate)).received.push(step);
      const before = last.get(audited.writer) ?? 0;
      if (audited.transaction < before)
        result.reordered.push(`${name}: ${step} after transaction ${before} of its writer`);
      last.set(audited.writer, Math.max(before, audited.transaction));
    }
    for (const [key, content] of snapshot) streamOf(`changes ${aggregateOf(key)}`).snapshot.set(key, content);
  }
  for (const [name, stream] of streams) compareStream(name, stream, result);
  return { committed: committed.length, ...result };
}

type Findings = Record<'lost' | 'duplicated' | 'reordered' | 'invented', string[]>;

function compareStream(name: string, { expected, received, snapshot }: Streams, findings: Findings): void {
  const seen = new Set<string>();
  const once = received.filter((step) => {
    if (seen.has(step)) findings.duplicated.push(step);
    return !seen.has(step) && seen.add(step);
  });
  const cut = name.startsWith('changes') ? beginningOf(expected, snapshot, seen) : 0;
  const due = expected.slice(Math.max(0, cut));
  const lost = due.filter((step) => !seen.has(step));
  findings.lost.push(...lost);
  if (cut < 0 && lost.length === 0) findings.invented.push(`the snapshot of ${name} is of no commit`);
  const missing = new Set(lost);
  const dueAndThere = due.filter((step) => !missing.has(step));
  for (const [index, step] of once.entries()) {
    if (step === dueAndThere[index]) continue;
    findings.reordered.push(`${step} where ${dueAndThere[index] ?? 'nothing'} was due`);
    break;
  }
}

/**
 * How many steps the snapshot holds: as many as lead to its rows. Where several do (an event changes no row), the one before the first that
 * was received. -1 where none does.
 */
function beginningOf(
  expected: readonly string[],
  snapshot: ReadonlyMap<string, string>,
  received: ReadonlySet<string>,
): number {
  const rows = new Map<string, string>();
  let wrong = snapshot.size;
  let best = wrong === 0 ? 0 : -1;
  for (const [index, step] of expected.entries()) {
    if (received.has(step)) break;
    const [op, key = '', content = ''] = step.split(' ');
    const differs = (): number => Number(rows.get(key) !== snapshot.get(key));
    wrong -= differs();
    if (op === 'd') rows.delete(key);
    else rows.set(key, content);
    wrong += differs();
    if (wrong === 0) best = index + 1;
  }
  return best;
}

function nameOf(step: string, aggregate: string): string {
  return step.startsWith('e ') ? `events ${step.slice(2, step.indexOf('/'))} ${aggregate}` : `changes ${aggregate}`;
}

/** The aggregate of a record key `<table>/<aggregate>[/<row>]`. */
function aggregateOf(key: string): string {
  return key.split('/')[1] ?? '';
}
