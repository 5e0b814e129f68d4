import type { Service } from '@millrace/kernel/lifecycle';
import type { GenerationFollower } from '@millrace/schemas/generations';
import type { StoreFollower } from './generations/index.ts';
import { replayAction } from './replay-control.ts';

/**
 * Runs the stores side by side. Each waits for its own engine by itself; one that cannot go on stops the others (they write what they
 * have), and its error ends the process. Ready while every served generation of every store is being followed; `/ready` names those that are
 * not. A filling that is broken is told in `/status` and does not make the process unready.
 */
export function sinksService(
  stores: readonly Pick<StoreFollower, 'run' | 'status' | 'sinks'>[],
  generations: Pick<GenerationFollower, 'run'>,
): Service {
  return {
    async run(signal) {
      const stop = new AbortController();
      const all = AbortSignal.any([signal, stop.signal]);
      const outcomes = await Promise.allSettled(
        [generations, ...stores].map((part) =>
          part.run(all).catch((error: unknown) => {
            stop.abort(error);
            throw error;
          }),
        ),
      );
      for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    },
    ready() {
      const away = stores
        .flatMap((store) => store.status())
        .filter(({ state }) => state !== 'running' && state !== 'broken');
      if (away.length === 0) return { ready: true };
      return {
        ready: false,
        reason: `degraded: ${away.map(({ sink, state, reason }) => `${sink} is ${state}${reason === undefined ? '' : ` (${reason})`}`).join('; ')}`,
      };
    },
    status: () => ({ sinks: stores.flatMap((store) => store.status()) }),
    control(action, body) {
      const answer = replayAction(
        stores.flatMap(({ sinks }) => sinks),
        action,
        body,
      );
      return answer === null ? null : Promise.resolve(answer);
    },
  };
}
