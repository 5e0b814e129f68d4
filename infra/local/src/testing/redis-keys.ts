/** What is needed of a Redis client. */
interface Scanning {
  scanStream(options: { match: string; count: number }): AsyncIterable<unknown>;
}

const KEYS_AT_ONCE = 1_000;

/**
 * The keys that match, sorted. In small steps, never by KEYS: that answers nobody else until it has passed every key of the server, and the tests share
 * one with whatever else runs (seen: 2.2 s over 1.4 million keys, longer than a reader waits).
 */
export async function redisKeys(redis: Scanning, pattern: string): Promise<string[]> {
  const found = new Set<string>();
  for await (const keys of redis.scanStream({ match: pattern, count: KEYS_AT_ONCE })) {
    for (const key of keys as string[]) found.add(key);
  }
  return [...found].sort();
}
