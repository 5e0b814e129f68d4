import type { RedisClient } from './client.ts';
import { isCluster } from './client.ts';

/** A command with its arguments, its name in small letters. */
export type RedisCommand = readonly [name: string, ...args: (string | number)[]];

/**
 * Sends all commands without waiting for one another; their answers, in their order. Throws the first error, after all are settled. One
 * server takes them one after the other, all in one round trip; a cluster promises no order between keys.
 */
export async function redisAnswers(client: RedisClient, commands: readonly RedisCommand[]): Promise<unknown[]> {
  if (commands.length === 0) return [];
  if (!isCluster(client)) {
    const answers = (await client.pipeline(commands.map((command) => [...command])).exec()) ?? [];
    return answers.map(([error, answer]) => {
      if (error !== null) throw error;
      return answer;
    });
  }
  const sent = commands.map(([name, ...args]) => client.call(name, ...args));
  const outcomes = await Promise.allSettled(sent);
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}

/**
 * The answers of several steps: what a step reads is read after everything of the steps before it. Still one round trip on one server; as
 * many as there are steps in a cluster, where nothing else orders reads of several nodes.
 */
export async function redisSteps(
  client: RedisClient,
  steps: readonly (readonly RedisCommand[])[],
): Promise<unknown[][]> {
  if (isCluster(client)) {
    const answers: unknown[][] = [];
    for (const step of steps) answers.push(await redisAnswers(client, step));
    return answers;
  }
  const all = await redisAnswers(client, steps.flat());
  let from = 0;
  return steps.map(({ length }) => all.slice(from, (from += length)));
}
