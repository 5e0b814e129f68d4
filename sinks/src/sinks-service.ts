import type { Service } from '@millrace/kernel/lifecycle';
import type { SinkRunner } from './runner/index.ts';

/**
 * Runs the runners side by side. Each waits for its own store by itself; one that cannot go on stops the others (they write what they
 * have), and its error ends the process. Ready while every store is being followed; `/ready` names those that are not.
 */
export function sinksService(runners: readonly Pick<SinkRunner, 'run' | 'status'>[]): Service {
  return {
    async run(signal) {
      const stop = new AbortController();
      const all = AbortSignal.any([signal, stop.signal]);
      const outcomes = await Promise.allSettled(
        runners.map((runner) =>
          runner.run(all).catch((error: unknown) => {
            stop.abort(error);
            throw error;
          }),
        ),
      );
      for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    },
    ready() {
      const away = runners.map((runner) => runner.status()).filter(({ state }) => state !== 'running');
      if (away.length === 0) return { ready: true };
      return {
        ready: false,
        reason: `degraded: ${away.map(({ sink, state, reason }) => `${sink} is ${state}${reason === undefined ? '' : ` (${reason})`}`).join('; ')}`,
      };
    },
    status: () => ({ sinks: runners.map((runner) => runner.status()) }),
  };
}
