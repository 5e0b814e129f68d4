import { PlatformError } from '../errors/index.ts';
import type { TopicPartition } from '../log/index.ts';
import { backoffDelayMs, sleep } from '../retry/index.ts';
import type { Cluster } from './cluster.ts';

const backoff = { initialMs: 10, maxMs: 1_000, jitter: 0.5 };
const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

/** Leaders of all partitions, by `<topic>/<partition>`; waits for elections until the deadline; throws `topic-missing` when a second look still does not find one. */
export async function findLeaders(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  deadlineMs: number,
): Promise<Map<string, number>> {
  for (let attempt = 1; ; attempt++) {
    const leaders = await cluster.leaders(partitions);
    if (leaders.missing.length > 0 && attempt > 4) {
      throw new PlatformError('topic-missing', `Kafka has no ${leaders.missing.join(', ')}.`);
    }
    const found = new Map<string, number>();
    for (const partition of partitions) {
      const leader = leaders.of(partition);
      if (leader !== undefined) found.set(keyOf(partition), leader);
    }
    if (found.size === partitions.length) return found;
    if (performance.now() > deadlineMs)
      throw new PlatformError('engine-unreachable', 'Some partitions have no leader.');
    await sleep(backoffDelayMs(attempt, backoff));
  }
}
