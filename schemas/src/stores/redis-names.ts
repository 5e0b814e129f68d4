import type { ViewKind } from '../views/index.ts';
import { FIRST_GENERATION, firstGeneration, viewHolding } from './view-names.ts';
import type { GenerationOf, ViewName } from './view-names.ts';

/** Fields of an entry's hash. `data` is missing and `deleted` is "1" where the entry is deleted at `position`. */
export const redisFields = {
  position: 'position',
  committedAt: 'committedAt',
  data: 'data',
  deleted: 'deleted',
  /** Ours: the sorted sets that hold the entry, so that the next version takes it out of those it leaves. */
  sets: 'sets',
  /** Ours: the sorted sets that it has left of late, and the position at which, until it is certain that they have it no more. */
  left: 'left',
} as const;

/** Kinds of entry that Redis holds, with the first part of their keys. */
export const redisEntryPrefix: Readonly<Partial<Record<ViewKind, string>>> = {
  product: 'product:',
  stock: 'inventory:',
  price: 'price:',
  order: 'order:',
  cart: 'cart:',
  recommendation: 'recommendations:',
};

/**
 * How long the hash of a deleted entry stays, seconds: 7 days, as long as the log keeps the delete (`delete.retention.ms`), so no
 * duplicate that could still arrive finds it gone.
 */
export const REDIS_DELETED_TTL_SECONDS = 7 * 24 * 3600;

export interface RedisNames {
  /** `product:{id}`, `inventory:{id}`, `price:{id}`, `order:{id}`, `cart:{id}`, `recommendations:{id}`; null for a kind that Redis does not hold. */
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
  /** Hash: `view/partition` → `formatWatermark`, one for each of `REDIS_SHARDS`: what that part of a cluster has applied. A single server has none. */
  applied(view: ViewName, shard: string): string;
  /** Text: which sink changed the view's sorted sets last. */
  writer(view: ViewName): string;
  /** Hash: view → its active generation. A view without a field is in its first one. */
  readonly generations: string;
  /** Set of `<view>:<generation>`: whatever Redis may hold anything of. */
  readonly held: string;
  /** Glob patterns (SCAN) of every key of the view but those that say what is applied. */
  patterns(view: ViewName): readonly string[];
}

/**
 * Hash tags of sixteen slots, one in the middle of each sixteenth of a cluster's slots, so that every node of a cluster with no more masters than that, its slots in
 * ranges, holds one.
 */
export const REDIS_SHARDS: readonly string[] =
  '1768 1678 2184 223 3453 3543 1845 1955 265 375 3808 3918 3725 3635 2912 2802'.split(' ');

const keysOfView: Readonly<Record<ViewName, readonly string[]>> = {
  catalog: ['product:*', 'products:tag:*', 'category:*:children', 'writer:catalog'],
  inventory: ['inventory:*'],
  pricing: ['price:*'],
  orders: ['order:*', 'customer:*:orders', 'vendor:*:orders', 'writer:orders'],
  sales: [],
  carts: ['cart:*'],
  recommendations: ['recommendations:*'],
  behaviour: [],
};

const escaped = (part: string): string => part.replace(/[%:]/g, (sign) => (sign === '%' ? '%25' : '%3A'));

/** Redis keys. `prefix` is REDIS_KEY_PREFIX; a view's generations after the first put `g<n>:` behind it. */
export function redisNames(prefix = '', generationOf: GenerationOf = firstGeneration): RedisNames {
  const start = (view: ViewName): string => {
    const generation = generationOf(view);
    return generation === FIRST_GENERATION ? prefix : `${prefix}g${generation}:`;
  };
  return {
    entry: (kind, id) => {
      const first = redisEntryPrefix[kind];
      return first === undefined ? null : start(viewHolding(kind)) + first + id;
    },
    productsByTag: (name, value) => `${start('catalog')}products:tag:${escaped(name)}:${value ?? ''}`,
    categoryChildren: (id) => `${start('catalog')}category:${id}:children`,
    customerOrders: (id) => `${start('orders')}customer:${id}:orders`,
    vendorOrders: (id) => `${start('orders')}vendor:${id}:orders`,
    watermark: (view) => `${start(view)}watermark:${view}`,
    applied: (view, shard) => `${start(view)}applied:{${shard}}`,
    writer: (view) => `${start(view)}writer:${view}`,
    generations: `${prefix}millrace:generations`,
    held: `${prefix}millrace:held`,
    patterns: (view) => keysOfView[view].map((pattern) => start(view).replace(/[\\*?[\]]/g, '\\$&') + pattern),
  };
}
