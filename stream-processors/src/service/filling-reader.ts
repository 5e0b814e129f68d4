import type { LogReader } from '@millrace/kernel/log';
import { sleep } from '@millrace/kernel/retry';

/** A view that readers use may be this old before a filling waits for it, ms: an idle source commits each second. */
export const LATE_MS = 3_000;
const HOLD_MS = 200;

/** How old what readers see is, ms; null where nothing of it runs here. */
export type ServedAge = () => number | null;

/**
 * A reader that rests before each read while what readers see is late: so that filling a log takes no time from the tasks beside it. `isFilling`
 * is asked each time: once readers see the log, nothing is held back.
 */
export function restingReader(reader: LogReader, isFilling: () => boolean, servedAgeMs: ServedAge): LogReader {
  return {
    assign: (positions) => {
      reader.assign(positions);
    },
    unassign: (partitions) => {
      reader.unassign(partitions);
    },
    pause: (partitions) => {
      reader.pause(partitions);
    },
    resume: (partitions) => {
      reader.resume(partitions);
    },
    async poll(waitMs, signal) {
      if (isFilling() && (servedAgeMs() ?? 0) > LATE_MS) await sleep(HOLD_MS, signal).catch(() => undefined);
      return reader.poll(waitMs, signal);
    },
    close: () => reader.close(),
  };
}
