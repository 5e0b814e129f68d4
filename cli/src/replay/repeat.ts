import { PlatformError } from '@millrace/kernel/errors';
import { sleep } from '@millrace/kernel/retry';
import type { SinkReplay, SinksClient } from './sinks-client.ts';

const LOOK_MS = 500;
/** Aggregates that one replay takes: each costs a pass over the view's log. */
const AT_ONCE = 500;

/** Waits until none of these sinks replays any more, in whichever state. Those that still do are told each time it looks. */
export async function replayOver(
  sinks: SinksClient,
  asked: readonly string[],
  onProgress: (running: readonly SinkReplay[]) => void = () => undefined,
): Promise<readonly SinkReplay[]> {
  for (;;) {
    const replays = await sinks.progress(asked);
    const running = replays.filter(({ state }) => state === 'running');
    if (running.length === 0) return replays;
    onProgress(running);
    await sleep(LOOK_MS);
  }
}

/**
 * Gives every sink of the view what its log says of these aggregates once more. When it resolves, the stores have it.
 * Throws `engine-unreachable` where no sinks answer, `conflict` where a replay did not come to its end.
 */
export async function repeatAggregates(sinks: SinksClient, view: string, ids: readonly string[]): Promise<void> {
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    const aggregates = new Set(ids.slice(at, at + AT_ONCE));
    const scope = { fromLsn: null, sinceMs: null, aggregates, tenant: null };
    const replays = await replayOver(sinks, await sinks.replay({ view, sink: null, scope, rate: null }));
    const open = replays.find(({ state }) => state !== 'done');
    if (open !== undefined)
      throw new PlatformError('conflict', `the replay of ${view} in ${open.sink} is ${open.state}`);
  }
}
