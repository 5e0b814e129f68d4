import { PlatformError, asPlatformError, isKind } from '@millrace/kernel/errors';
import { controlRequest } from '../control-request.ts';
import type { ParkedAggregate } from './parked-client.ts';

/** An aggregate of a processor, with all that waits for it, whichever inputs it is from. */
export interface RedriveTarget {
  readonly processor: string;
  readonly partition: number;
  readonly aggregate: string;
  readonly topics: readonly string[];
  readonly waiting: number;
  readonly error: string;
  readonly at: string;
}

/** What became of it. `waiting` 0: it goes on again. */
export interface RedriveReport {
  readonly processor: string;
  readonly aggregate: string;
  readonly topics: readonly string[];
  readonly done: number;
  readonly waiting: number;
  readonly error: string | null;
}

/** A task applies it in its next step: a source that commits once a second makes one by then. */
const ANSWER_MS = 60_000;

/** In order of the commits that parked them: what was parked first is done first. */
export function redriveTargets(parked: readonly ParkedAggregate[]): RedriveTarget[] {
  const targets = new Map<string, RedriveTarget>();
  for (const one of [...parked].sort((a, b) => (a.sinceLsn < b.sinceLsn ? -1 : 1))) {
    const key = `${one.processor}\n${one.partition}\n${one.aggregate}`;
    const { processor, partition, aggregate, error, at } = targets.get(key) ?? one;
    const { topics = [], waiting = 0 } = targets.get(key) ?? {};
    targets.set(key, {
      ...{ processor, partition, aggregate, error, at },
      topics: [...topics, one.topic],
      waiting: waiting + one.records,
    });
  }
  return [...targets.values()];
}

export interface RedriveOptions {
  /** Forget what waits instead. */
  readonly drops: boolean;
  /** Aggregates a second at most; null for no limit. */
  readonly rate: number | null;
  readonly wait: (ms: number) => Promise<void>;
  readonly onDone: (report: RedriveReport) => void;
}

/** One after the other. A refusal is told in its report and does not hold up the others; a process that does not answer ends it. */
export async function redriveAll(
  targets: readonly RedriveTarget[],
  { drops, rate, wait, onDone }: RedriveOptions,
): Promise<RedriveReport[]> {
  const reports: RedriveReport[] = [];
  for (const [at, target] of targets.entries()) {
    if (rate !== null && at > 0) await wait(1000 / rate);
    const report = await redriveOne(target, drops);
    onDone(report);
    reports.push(report);
  }
  return reports;
}

async function redriveOne(target: RedriveTarget, drop: boolean): Promise<RedriveReport> {
  const { processor, partition, aggregate, topics, waiting, at } = target;
  try {
    const outcome = await ask(at, { processor, partition, aggregate, drop });
    return { processor, aggregate, topics, ...outcome };
  } catch (error) {
    if (!isKind(error, 'conflict') && !isKind(error, 'not-found')) throw error;
    return { processor, aggregate, topics, done: 0, waiting, error: asPlatformError(error).message };
  }
}

/** Throws also where an answer is none: whether it was done is then not known. */
async function ask(
  at: string,
  body: Readonly<Record<string, unknown>>,
): Promise<Pick<RedriveReport, 'done' | 'waiting' | 'error'>> {
  const answer = await controlRequest<Pick<RedriveReport, 'done' | 'waiting' | 'error'> | null>({
    url: `${at}/control/redrive`,
    who: 'the stream processors',
    timeoutMs: ANSWER_MS,
    silence: `the stream processors at ${at} did not answer in ${ANSWER_MS / 1000} s: look with dlq list whether it was done`,
    body,
  });
  if (answer === null) throw new PlatformError('engine-unreachable', 'the stream processors answered 200.');
  return answer;
}
