import type { LogWriter } from '@millrace/kernel/log';
import type { BenchRows } from './rows.ts';

export interface Paced {
  readonly source: LogWriter;
  readonly topic: string;
  readonly rows: BenchRows;
  /** Number of the first row. */
  readonly first: number;
  readonly total: number;
  readonly perSecond: number;
}

const TICK_MS = 1;
const MOST_AT_ONCE = 1_000;

/**
 * Sends rows at a steady rate into partition 0, and ends when all are acknowledged. `sent` is told of each batch (its rows from and to, counted
 * from 0) and answers when it has seen the acknowledgement.
 */
export async function sendPaced(
  { source, topic, rows, first, total, perSecond }: Paced,
  sent: (from: number, to: number, appended: Promise<unknown>) => Promise<unknown>,
): Promise<void> {
  const beganMs = performance.now();
  const appends = new Set<Promise<void>>();
  for (let from = 0; from < total;) {
    const owed = Math.floor(((performance.now() - beganMs) / 1000) * perSecond);
    // After a pause of this process: what it owes is too much for one batch.
    const to = Math.min(total, owed, from + MOST_AT_ONCE);
    if (to > from) {
      const records = rows.batch(first + from, first + to);
      const append: Promise<void> = sent(from, to, source.append([{ topic, partition: 0, records }])).then(() => {
        appends.delete(append);
      });
      appends.add(append);
      from = to;
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  await Promise.all(appends);
}
