import { lsnText } from '@millrace/kernel/position';
import { isoFromMicros } from '@millrace/schemas/stores';
import type { RedisNames } from '@millrace/schemas/stores';
import type { ViewEntry } from '@millrace/schemas/views';
import { isKind } from '../port/index.ts';
import { formatMembership } from './membership.ts';
import type { Membership } from './membership.ts';

/** An entry as the script takes it: its key and two arguments; and what the sets that hold it are told. */
export interface RedisEntry {
  readonly entry: ViewEntry;
  readonly key: string;
  /** Position (20 characters), committedAt (24), then the membership. */
  readonly version: string;
  /** The view's JSON; '' deletes. */
  readonly data: string;
  /** Null: in no sorted set. */
  readonly membership: Membership | null;
}

/** Null for a kind that Redis does not hold. */
export function encodeEntry(names: RedisNames, entry: ViewEntry): RedisEntry | null {
  const key = names.entry(entry.kind, entry.id);
  if (key === null) return null;
  const membership = membershipOf(names, entry);
  const sets = membership === null ? '' : formatMembership(membership);
  return {
    entry,
    key,
    version: lsnText(entry.lsn) + isoFromMicros(entry.tsUs) + sets,
    data: entry.data === null ? '' : JSON.stringify(entry.data),
    membership,
  };
}

function membershipOf(names: RedisNames, entry: ViewEntry): Membership | null {
  if (isKind(entry, 'product') && entry.data?.status === 'active') {
    const { tags, categoryId, createdAt } = entry.data;
    const sets = tags.map(({ name, value }) => names.productsByTag(name, value));
    if (categoryId !== null) sets.push(names.categoryChildren(categoryId));
    return membership(createdAt, entry.id, sets);
  }
  if (isKind(entry, 'order') && entry.data !== null) {
    const { customerId, items, placedAt } = entry.data;
    const vendors = new Set(items.map(({ vendorId }) => vendorId).filter((id) => id !== null));
    const sets = [...vendors].map((id) => names.vendorOrders(id));
    if (customerId !== null && customerId !== '') sets.push(names.customerOrders(customerId));
    return membership(placedAt, entry.id, sets);
  }
  return null;
}

function membership(at: string, member: string, sets: readonly string[]): Membership | null {
  if (sets.length === 0) return null;
  const score = Date.parse(at);
  return { score: String(Number.isNaN(score) ? 0 : score), member, sets: [...new Set(sets)] };
}
