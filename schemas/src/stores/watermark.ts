import { PlatformError } from '@millrace/kernel/errors';
import { lsnFromText, lsnText } from '@millrace/kernel/position';
import type { Lsn } from '@millrace/kernel/position';
import type { ViewName } from './view-names.ts';

/**
 * What a store has applied of one partition of a view, kept in that store.
 *
 * `lsn`: every commit at or below it that belongs in the partition is visible in the store. `committedAtMs`: stream time at that
 * watermark (ms since 1970), so `now − committedAtMs` is the view's age. `offset`: where the store's reader goes on in the log; it
 * may be ahead of the watermark, never behind it. Each of the three only grows.
 */
export interface AppliedMark {
  readonly lsn: Lsn;
  readonly committedAtMs: number;
  readonly offset: bigint;
}

export interface PartitionMark extends AppliedMark {
  readonly view: ViewName;
  readonly partition: number;
}

const OFFSET_DIGITS = 20;

/** ISO 8601 UTC with milliseconds, from µs since 1970: the form of every `committedAt`. */
export function isoFromMicros(tsUs: number): string {
  const ms = Math.floor(tsUs / 1000);
  // The entries of a commit, and of those in the same ms, share their text.
  if (ms !== last.ms) last = { ms, text: new Date(ms).toISOString() };
  return last.text;
}

let last = { ms: 0, text: new Date(0).toISOString() };

/**
 * `lsn|committedAt|offset`: 20 digits, ISO 8601 UTC with milliseconds, 20 digits. Each part has a fixed width, so that stores
 * compare parts as text.
 */
export function formatWatermark(mark: AppliedMark): string {
  const committedAt = new Date(mark.committedAtMs).toISOString();
  return `${lsnText(mark.lsn)}|${committedAt}|${mark.offset.toString().padStart(OFFSET_DIGITS, '0')}`;
}

/** Reads `formatWatermark`'s form. Throws `store-rejected` for anything else: the store's content is not ours. */
export function parseWatermark(text: string): AppliedMark {
  const match = /^(\d{20})\|(\d{4}-\d\d-\d\dT[\d:.]+Z)\|(\d{20})$/.exec(text);
  if (!match) throw new PlatformError('store-rejected', 'the store holds a watermark that is not of our form');
  const [, lsn = '', committedAt = '', offset = ''] = match;
  return { lsn: lsnFromText(lsn), committedAtMs: Date.parse(committedAt), offset: BigInt(offset) };
}

/** The lowest applied position of several partitions: what a query over all of them may claim. Null for none. */
export function lowestMark(marks: readonly AppliedMark[]): AppliedMark | null {
  return marks.reduce<AppliedMark | null>((low, mark) => (low === null || mark.lsn < low.lsn ? mark : low), null);
}
