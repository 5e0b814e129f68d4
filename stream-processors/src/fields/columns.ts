import { PlatformError } from '@millrace/kernel/errors';
import type { Change, ColumnValue, Row } from '@millrace/schemas/cdc';
import { UNCHANGED } from '@millrace/schemas/cdc';

/**
 * Columns of a row as what the processor expects. Each throws `record-malformed` for anything else, which parks the row's aggregate.
 * `held` is the value the processor has: the answer where the update left a large column out.
 */
export function text(row: Row, column: string, held?: string): string {
  const value = row[column];
  if (typeof value === 'string') return value;
  if (value === UNCHANGED && held !== undefined) return held;
  throw unexpected(column, value);
}

export function optionalText(row: Row, column: string, held?: string | null): string | null {
  const value = row[column];
  if (typeof value === 'string') return value;
  if (value === null || value === undefined) return null;
  if (value === UNCHANGED && held !== undefined) return held;
  throw unexpected(column, value);
}

export function integer(row: Row, column: string): number {
  const value = row[column];
  const number = typeof value === 'bigint' ? Number(value) : value;
  if (typeof number === 'number' && Number.isSafeInteger(number)) return number;
  throw unexpected(column, value);
}

export function boolean(row: Row, column: string): boolean {
  const value = row[column];
  if (typeof value === 'boolean') return value;
  throw unexpected(column, value);
}

/** A timestamptz in µs since 1970; never infinite. Rounded where no number holds it, which is possible from AD 2255 on. */
export function microseconds(row: Row, column: string): number {
  const held = row[column];
  const value = typeof held === 'bigint' ? Number(held) : held;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw unexpected(column, held);
}

/** Null for null and for infinity: there is no such time. */
export function optionalMicroseconds(row: Row, column: string): number | null {
  const value = row[column];
  if (value === null || value === undefined || value === Infinity) return null;
  return microseconds(row, column);
}

export function oneOf<T extends string>(row: Row, column: string, allowed: readonly T[]): T {
  const value = text(row, column);
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw unexpected(column, value);
  return found;
}

type JsonObject = Readonly<Record<string, unknown>>;

export function jsonObject(row: Row, column: string, held?: JsonObject): JsonObject {
  const value = row[column];
  if (value === UNCHANGED && held !== undefined) return held;
  if (value === null || value === undefined) return {};
  if (typeof value === 'string') {
    const parsed: unknown = JSON.parse(value);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as JsonObject;
  }
  throw unexpected(column, value);
}

/** What a change says about its row: the row that is there after it, and the one whose identity is gone (deleted, or its key changed). */
export function identity(change: Change, ...keys: readonly string[]): { gone: Row | null; row: Row | null } {
  const { before, after } = change;
  if (after === null) return { gone: before, row: null };
  const moved = before !== null && keys.some((key) => before[key] !== after[key] && typeof before[key] === 'string');
  return { gone: moved ? before : null, row: after };
}

/** The record less one key. */
export function without<T>(record: Readonly<Record<string, T>>, key: string): Readonly<Record<string, T>> {
  const { [key]: removed, ...rest } = record;
  return removed === undefined ? record : rest;
}

function unexpected(column: string, value: ColumnValue | undefined): PlatformError {
  const what =
    value === undefined
      ? 'is missing'
      : value === UNCHANGED
        ? 'was left out, and nothing is held'
        : `is of another type or value (${value === null ? 'null' : typeof value})`;
  return new PlatformError('record-malformed', `column ${column} ${what}`);
}
