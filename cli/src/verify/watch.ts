import { asPlatformError, isKind } from '@millrace/kernel/errors';
import { sleep } from '@millrace/kernel/retry';
import type { ViewReport } from './verify.ts';

/** One look at every view: a sample, and again what the last pass found wrong. */
export interface WatchPass {
  readonly pass: number;
  readonly reports: readonly ViewReport[];
  /** Documents that were wrong in the pass before and still are. */
  readonly lasting: readonly ViewReport[];
  /** Views that did not reach the pin in time, and were not compared: late, which is no difference. */
  readonly late: readonly { readonly view: string; readonly store: string; readonly reason: string }[];
}

export interface WatchOptions {
  /** Ms from the end of a pass to the next. */
  readonly everyMs: number;
  readonly signal: AbortSignal;
  readonly onPass: (pass: WatchPass) => void;
}

/** What is watched. `sampled` takes another sample for each pass; `again` looks at these documents alone. */
export interface Watched {
  readonly view: string;
  readonly store: string;
  sampled(pass: number): Promise<ViewReport>;
  again(keys: readonly string[]): Promise<ViewReport>;
}

/**
 * Goes on comparing until the signal aborts (`stopped`), or until a document that a pass found wrong is still wrong in the next one (`different`):
 * what mends itself meanwhile, by a repair or a rebuild, is told but ends nothing. Throws what a comparison throws, but for a view that is late.
 */
export async function watchViews(views: readonly Watched[], options: WatchOptions): Promise<'stopped' | 'different'> {
  const wrong = new Map<Watched, readonly string[]>();
  try {
    for (let pass = 1; ; pass++) {
      const reports: ViewReport[] = [];
      const lasting: ViewReport[] = [];
      const late: WatchPass['late'][number][] = [];
      for (const watched of views) {
        try {
          const before = wrong.get(watched) ?? [];
          const still = before.length === 0 ? null : await watched.again(before);
          if (still !== null && still.differences.length > 0) lasting.push(still);
          const report = await watched.sampled(pass);
          reports.push(report);
          wrong.set(
            watched,
            report.differences.map(({ key }) => key),
          );
        } catch (error) {
          if (!isKind(error, 'view-behind')) throw error;
          late.push({ view: watched.view, store: watched.store, reason: asPlatformError(error).message });
        }
      }
      options.onPass({ pass, reports, lasting, late });
      if (lasting.length > 0) return 'different';
      await sleep(options.everyMs, options.signal);
    }
  } catch (error) {
    if (options.signal.aborted) return 'stopped';
    throw error;
  }
}
