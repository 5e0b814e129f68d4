import type { ViewKind } from '../views/index.ts';
import { FIRST_GENERATION } from './view-names.ts';
import type { ViewName } from './view-names.ts';

/** Fields of an entry's hash. `data` is missing and `deleted` is "1" where the entry is deleted at `position`. */
export const redisFields = {
  position: 'position',
  committedAt: 'committedAt',
  data: 'data',
  deleted: 'deleted',
  /** Ours: the sorted sets that hold the entry, so that the next version takes it out of those it leaves. */
  sets: 'sets',
} as const;

/** Kinds of entry that Redis holds, with the first part of their keys. */
export const redisEntryPrefix: Readonly<Partial<Record<ViewKind, string>>> = {
  product: 'product:',
  stock: 'inventory:',
  price: 'price:',
  order: 'order:',
};

/**
 * How long the hash of a deleted entry stays, seconds: 7 days, as long as the log keeps the delete (`delete.retention.ms`), so no
 * duplicate that could still arrive finds it gone.
 */
export const REDIS_DELETED_TTL_SECONDS = 7 * 24 * 3600;

export interface RedisNames {
  /** `product:{id}`, `inventory:{id}`, `price:{id}`, `order:{id}`; null for a kind that Redis does not hold. */
  entry(kind: ViewKind, id: string): string | null;
  /**
   * Active products that carry the tag; score createdAt (ms). A tag without a value has the empty one. In the name, not in
   * the value, `%` and `:` are written `%25` and `%3A`, so that no two tags share a key.
   */
  productsByTag(name: string, value: string | null): string;
  /** Active products directly in the category (their ids); score createdAt (ms). */
  categoryChildren(categoryId: string): string;
  /** Score placedAt (ms). */
  customerOrders(customerId: string): string;
  /** Orders with at least one line of the vendor; score placedAt (ms). */
  vendorOrders(vendorId: string): string;
  /** Hash: partition → `formatWatermark`. */
  watermark(view: ViewName): string;
}

const escaped = (part: string): string => part.replace(/[%:]/g, (sign) => (sign === '%' ? '%25' : '%3A'));

/** Redis keys. `prefix` is REDIS_KEY_PREFIX; generations after the first put `g<n>:` behind it. */
export function redisNames(prefix = '', generation = FIRST_GENERATION): RedisNames {
  const start = generation === FIRST_GENERATION ? prefix : `${prefix}g${generation}:`;
  return {
    entry: (kind, id) => {
      const first = redisEntryPrefix[kind];
      return first === undefined ? null : start + first + id;
    },
    productsByTag: (name, value) => `${start}products:tag:${escaped(name)}:${value ?? ''}`,
    categoryChildren: (id) => `${start}category:${id}:children`,
    customerOrders: (id) => `${start}customer:${id}:orders`,
    vendorOrders: (id) => `${start}vendor:${id}:orders`,
    watermark: (view) => `${start}watermark:${view}`,
  };
}
