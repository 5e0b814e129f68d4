import { isKind } from '@millrace/kernel/errors';
import { sleep } from '@millrace/kernel/retry';
import type { CaptureClient, Resnapshot } from './client.ts';

const EVERY_MS = 200;
/** A producer that is being started again does not answer for a while. */
const PATIENCE_MS = 60_000;

/**
 * Waits until the re-snapshot has ended, in whichever state; over restarts of the producer too. `onProgress` is told whenever it looks, and
 * waited for.
 */
export async function resnapshotEnded(
  client: CaptureClient,
  id: string,
  onProgress: (state: Resnapshot) => unknown = () => undefined,
): Promise<Resnapshot> {
  let answeredMs = Date.now();
  for (;;) {
    try {
      const state = await client.resnapshotState(id);
      answeredMs = Date.now();
      if (state.state !== 'queued' && state.state !== 'running') return state;
      await onProgress(state);
    } catch (error) {
      const isStarting = isKind(error, 'engine-unreachable') || isKind(error, 'conflict');
      if (!isStarting || Date.now() - answeredMs > PATIENCE_MS) throw error;
    }
    await sleep(EVERY_MS);
  }
}
