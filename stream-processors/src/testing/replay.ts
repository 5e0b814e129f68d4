import { MemoryLog } from '@millrace/kernel/log-memory';
import type { AnyProcessor, RunnerLimits } from '../runtime/index.ts';
import { barred } from './barred.ts';
import { feedByChance } from './feeding.ts';
import { seeded } from '../simulation/chance.ts';
import type { TestRoad } from './road.ts';

export interface ReplayOptions {
  readonly partition?: number;
  /** Cuts the inputs into polls. */
  readonly seed?: number;
  readonly limits?: Partial<RunnerLimits>;
}

/**
 * Processes what the road's log holds of a task's inputs again, on a log of its own: polls and batches are cut in another way, the inputs arrive in
 * another order, and the handlers have no clock, chance or I/O. Answers what is not as in the first run; nothing: the processor replays exactly.
 */
export async function replay(
  road: TestRoad,
  processor: AnyProcessor,
  { partition = 0, seed = 1, limits = {} }: ReplayOptions = {},
): Promise<string[]> {
  const pick = seeded(seed);
  const findings: string[] = [];
  const again = new MemoryLog({ topics: await topicsOf(road.log) });
  const watched = barred(processor, (what) => findings.push(what));
  const runner = await road.runnerOn(again, watched, partition, {
    resultBytes: pick(2000),
    lazyAbove: pick(5),
    ...limits,
  });
  await feedByChance(road.log, runner, pick);
  await runner.close();
  const first = entries(road.log, processor.output, partition);
  const second = entries(again, processor.output, partition);
  for (let at = 0; at < Math.max(first.length, second.length); at++) {
    if (first[at]?.bytes === second[at]?.bytes) continue;
    findings.push(
      `entry ${at} of ${processor.output}/${partition} was ${first[at]?.key ?? 'none'}, and in the replay ${second[at]?.key ?? 'none'}${first[at]?.key === second[at]?.key ? ' with other content' : ''}`,
    );
    break;
  }
  return [...new Set(findings)];
}

async function topicsOf(log: MemoryLog): Promise<{ topic: string; partitions: number }[]> {
  const topics = await log.admin.listTopics();
  return Promise.all(topics.map(async (topic) => ({ topic, partitions: (await log.admin.offsets(topic)).length })));
}

function entries(log: MemoryLog, topic: string, partition: number): { key: string; bytes: string }[] {
  return log.records(topic, partition).flatMap(({ key, value }) => {
    if (key === null || key[0] === 0x5f) return [];
    const text = key.toString();
    return [{ key: text, bytes: `${text}=${value?.toString('latin1') ?? 'gone'}` }];
  });
}
