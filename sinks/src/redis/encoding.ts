import { lsnText } from '@millrace/kernel/position';
import { isoFromMicros } from '@millrace/schemas/stores';
import type { RedisNames } from '@millrace/schemas/stores';
import type { ViewEntry } from '@millrace/schemas/views';
import { isKind } from '../port/index.ts';

/** Between the parts of `sets`: a character that no text of Postgres holds. */
const SEPARATOR = '\0';

/** An entry as the script takes it: its key and two arguments. */
export interface RedisEntry {
  readonly key: string;
  /** Position (20 characters), committedAt (24), then score, member and keys of the sorted sets that hold the entry, NUL between them. */
  readonly version: string;
  /** The view's JSON; '' deletes. */
  readonly data: string;
}

/** Null for a kind that Redis does not hold. */
export function encodeEntry(names: RedisNames, entry: ViewEntry): RedisEntry | null {
  const key = names.entry(entry.kind, entry.id);
  if (key === null) return null;
  return {
    key,
    version: lsnText(entry.lsn) + isoFromMicros(entry.tsUs) + membershipsOf(names, entry),
    data: entry.data === null ? '' : JSON.stringify(entry.data),
  };
}

function membershipsOf(names: RedisNames, entry: ViewEntry): string {
  if (isKind(entry, 'product') && entry.data?.status === 'active') {
    const { tags, categoryId, createdAt } = entry.data;
    const sets = tags.map(({ name, value }) => names.productsByTag(name, value));
    if (categoryId !== null) sets.push(names.categoryChildren(categoryId));
    return joined(createdAt, entry.id, sets);
  }
  if (isKind(entry, 'order') && entry.data !== null) {
    const { customerId, items, placedAt } = entry.data;
    const vendors = new Set(items.map(({ vendorId }) => vendorId).filter((id) => id !== null));
    const sets = [...vendors].map((id) => names.vendorOrders(id));
    if (customerId !== null && customerId !== '') sets.push(names.customerOrders(customerId));
    return joined(placedAt, entry.id, sets);
  }
  return '';
}

function joined(at: string, member: string, sets: readonly string[]): string {
  if (sets.length === 0) return '';
  const score = Date.parse(at);
  return [String(Number.isNaN(score) ? 0 : score), member, ...new Set(sets)].join(SEPARATOR);
}
