import { isCluster } from '@millrace/kernel/redis-client';
import type { RedisClient } from '@millrace/kernel/redis-client';

/** What an operator should do where Redis may drop entries to make room; null where it does not. */
export async function evictionAdvice(redis: RedisClient): Promise<string | null> {
  const nodes = isCluster(redis) ? redis.nodes('master') : [redis];
  const policies = await Promise.all(nodes.map((node) => policyOf(node)));
  const evicting = policies.find((policy) => policy !== null && policy !== 'noeviction');
  if (evicting === undefined || evicting === null) return null;
  return `Redis drops entries when its memory is full (maxmemory-policy ${evicting}), and no mark tells: set it to noeviction, then run millrace verify`;
}

/** Null where the server does not tell, or not us. */
async function policyOf(node: { info(section: 'memory'): Promise<string> }): Promise<string | null> {
  try {
    return /maxmemory_policy:(\S+)/.exec(await node.info('memory'))?.[1] ?? null;
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('NOPERM')) return null;
    throw error;
  }
}
