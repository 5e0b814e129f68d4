import { asPlatformError, errorPolicy } from '@millrace/kernel/errors';
import type { LogClient } from '@millrace/kernel/log';
import { retry } from '@millrace/kernel/retry';
import type { Logger } from '@millrace/kernel/telemetry';
import { GenerationFollower, activeLogOf } from '@millrace/schemas/generations';
import type { SchemaRegistry } from '@millrace/schemas/registry';
import type { Feed } from '../feed/index.ts';

export interface ServedLogsOptions {
  readonly log: LogClient;
  /** May reject with a `retry` kind, then it is asked again. */
  readonly registry: () => Promise<SchemaRegistry>;
  readonly topicPrefix: string;
  readonly logger: Logger;
}

const waits = { attempts: Infinity, initialMs: 100, maxMs: 5_000, jitter: 0.3 };

/**
 * Runs the feed on the logs of the generations that readers see: from when those are known, and on at each switch. Resolves when the signal
 * aborts; throws what ends either.
 */
export async function feedServedLogs(
  feed: Pick<Feed, 'serve' | 'run'>,
  options: ServedLogsOptions,
  signal: AbortSignal,
): Promise<void> {
  const stop = new AbortController();
  const all = AbortSignal.any([signal, stop.signal]);
  let know = (): void => undefined;
  const known = new Promise<void>((resolve) => {
    know = resolve;
    all.addEventListener('abort', () => resolve(), { once: true });
  });
  const follow = async (): Promise<void> => {
    const registry = await retry(options.registry, {
      ...waits,
      signal: all,
      retryable: (error) => errorPolicy[asPlatformError(error).kind].disposition === 'retry',
    });
    const onRows: ConstructorParameters<typeof GenerationFollower>[0]['onRows'] = (rows) => {
      feed.serve((view) => activeLogOf(rows, view));
      know();
    };
    await new GenerationFollower({ ...options, registry, onRows }).run(all);
  };
  const read = async (): Promise<void> => {
    await known;
    if (!all.aborted) await feed.run(all);
  };
  const outcomes = await Promise.allSettled(
    [follow, read].map((part) =>
      part().catch((error: unknown) => {
        const wasStopped = all.aborted;
        stop.abort();
        if (!wasStopped) throw error;
      }),
    ),
  );
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}
