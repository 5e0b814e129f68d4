import { redisAnswers } from './answers.ts';
import { isCluster } from './client.ts';
import type { RedisClient } from './client.ts';

/**
 * The keys that match a glob pattern, in pages, some of them possibly twice: on every node that holds slots. What is there from begin to end is found,
 * but for keys whose slot moves between nodes meanwhile.
 */
export async function* scanRedis(client: RedisClient, pattern: string, atOnce = 1_000): AsyncGenerator<string[]> {
  const nodes = isCluster(client) ? client.nodes('master') : [client];
  for (const node of nodes) {
    let cursor = '0';
    do {
      const [next, keys] = await node.scan(cursor, 'MATCH', pattern, 'COUNT', atOnce);
      cursor = next;
      if (keys.length > 0) yield keys;
    } while (cursor !== '0');
  }
}

/** Removes every key that matches; how many it was. Looks again until it finds none, since keys may have moved meanwhile. */
export async function removeFromRedis(client: RedisClient, pattern: string, atOnce = 1_000): Promise<number> {
  let removed = 0;
  for (;;) {
    const before = removed;
    for await (const keys of scanRedis(client, pattern, atOnce)) {
      const answers = isCluster(client)
        ? await redisAnswers(
            client,
            keys.map((key) => ['unlink', key] as const),
          )
        : [await client.unlink(...keys)];
      removed += answers.reduce<number>((sum, count) => sum + Number(count), 0);
    }
    if (removed === before || !isCluster(client)) return removed;
  }
}
