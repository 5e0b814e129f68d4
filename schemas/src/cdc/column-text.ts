import { PlatformError } from '@millrace/kernel/errors';
import type { ColumnValue, Unchanged } from './change.ts';
import { columnKind } from './relation.ts';
import type { ColumnKind, RelationColumn } from './relation.ts';
import { civilFromDays } from '../wire/civil.ts';
import { doubleText, realText } from '../wire/float-text.ts';

/**
 * A decoded value as the text that Postgres prints for it (under UTC, ISO dates, hex bytea, shortest floats); null for null. Exact for every
 * type: what a column held, its text gives back. `column` is the relation's column, or how its writer's schema holds it (`columnKinds`).
 * What is unchanged has no text here: take that of the value you hold.
 */
export function columnText(
  column: ColumnKind | Pick<RelationColumn, 'typeOid'>,
  value: Exclude<ColumnValue, Unchanged>,
): string | null {
  if (value === null) return null;
  const kind = typeof column === 'string' ? column : columnKind(column.typeOid);
  switch (kind) {
    case 'boolean':
      return value === true ? 't' : 'f';
    case 'int':
    case 'long':
    case 'string':
      return String(value);
    case 'real':
      return realText(Number(value));
    case 'double':
      return doubleText(Number(value));
    case 'timestamp':
      if (typeof value === 'number' || typeof value === 'bigint') return timestampText(value);
      throw new PlatformError('record-malformed', `a timestamptz is a ${typeof value}`);
  }
}

const DAY_US = 86_400_000_000n;

function timestampText(us: number | bigint): string {
  if (us === Infinity) return 'infinity';
  if (us === -Infinity) return '-infinity';
  const exact = BigInt(us);
  const ofDay = ((exact % DAY_US) + DAY_US) % DAY_US;
  const { year, month, day } = civilFromDays(Number((exact - ofDay) / DAY_US));
  const seconds = Number(ofDay / 1_000_000n);
  const fraction = String(ofDay % 1_000_000n)
    .padStart(6, '0')
    .replace(/0+$/, '');
  const date = `${String(year > 0 ? year : 1 - year).padStart(4, '0')}-${two(month)}-${two(day)}`;
  const time = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return `${date} ${time}${fraction === '' ? '' : `.${fraction}`}+00${year > 0 ? '' : ' BC'}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
