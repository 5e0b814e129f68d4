/**
 * A position is a Postgres commit, the one idea that carries everything else: resume, ordering, versions, waiting reads, verification.
 *
 * `Lsn` is the commit's LSN with the source's epoch in its top 8 bits (`epoch << 56 | lsn`): the epoch grows when the source's
 * history is replaced, so positions only grow. With epoch 0 it is the Postgres LSN itself. It passes 2^53: text forms are zero-padded
 * decimals whose text order is the numeric order, safe in JSON, Lua and URLs.
 */
export type Lsn = bigint & { readonly __brand?: 'Lsn' };

/** A commit and the row's index inside it. Never fence on a row's own LSN: rows of one COPY share LSNs. */
export interface Position {
  readonly lsn: Lsn;
  readonly ordinal: number;
}

/** What a partition or a view has applied: every commit at or below `lsn`, the newest of which committed at `tsUs` (µs since 1970). */
export interface AppliedPosition {
  readonly lsn: Lsn;
  readonly tsUs: number;
}

export const ZERO_LSN: Lsn = 0n;
const TEXT_DIGITS = 20;

/** 20 decimal digits. */
export function lsnText(lsn: Lsn): string {
  return lsn.toString().padStart(TEXT_DIGITS, '0');
}

/** Reads `lsnText`'s form. Throws a RangeError for anything else. */
export function lsnFromText(text: string): Lsn {
  if (!/^\d{1,20}$/.test(text)) throw new RangeError(`not a position: ${JSON.stringify(text.slice(0, 40))}`);
  return BigInt(text);
}

/** Reads Postgres' own form, `16/B374D848`. */
export function lsnFromPostgres(text: string, epoch = 0): Lsn {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text);
  if (!match) throw new RangeError(`not a Postgres LSN: ${JSON.stringify(text.slice(0, 40))}`);
  return (BigInt(epoch) << 56n) | (BigInt(`0x${match[1] ?? ''}`) << 32n) | BigInt(`0x${match[2] ?? ''}`);
}

/** Postgres' own form, without the epoch. */
export function lsnToPostgres(lsn: Lsn): string {
  const bare = lsn & 0x00ff_ffff_ffff_ffffn;
  return `${(bare >> 32n).toString(16).toUpperCase()}/${(bare & 0xffff_ffffn).toString(16).toUpperCase()}`;
}

export function comparePositions(a: Position, b: Position): number {
  if (a.lsn !== b.lsn) return a.lsn < b.lsn ? -1 : 1;
  return a.ordinal - b.ordinal;
}
