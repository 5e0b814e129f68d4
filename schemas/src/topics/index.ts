import { setting, z } from '@millrace/kernel/config';
import type { TopicSpec } from '@millrace/kernel/log';

/**
 * The topic catalogue: a topic per aggregate, not per table, so that one partition holds an aggregate's rows of all its tables in commit
 * order. A table's primary key begins with its aggregate's id (`aggregateColumn`), so the default replica identity carries the route on deletes.
 */
export type CdcTopic = `cdc.${string}` | 'behaviour.events';
/** Intent events from the outbox, a topic per aggregate type; `events.other` takes every type that has none. */
export type EventTopic = 'events.product' | 'events.order' | 'events.other';
/** What the capture writes. */
export type CaptureTopic = CdcTopic | EventTopic;
/** The topic of a view's first log. */
export type ViewTopic =
  | 'views.inventory'
  | 'views.pricing'
  | 'views.catalog'
  | 'views.orders'
  | 'views.sales'
  | 'views.carts'
  | 'views.recommendations'
  | 'views.behaviour';

export interface CapturedTable {
  readonly schema: string;
  readonly table: string;
  readonly topic: CdcTopic;
  /** Column whose text is the partitioning key. */
  readonly aggregateColumn: string;
}

/** Schema that holds the shop's tables. */
export const SOURCE_SCHEMA = 'commerce';

const tablesOf = (topic: CdcTopic, aggregateColumn: string, tables: readonly string[]): CapturedTable[] =>
  tables.map((table) => ({ schema: SOURCE_SCHEMA, table, topic, aggregateColumn }));

/** The shop's tables. Another deployment declares its own: see the producers' CAPTURE_TABLES. */
export const capturedTables: readonly CapturedTable[] = [
  ...tablesOf('cdc.catalog', 'product_id', [
    'products',
    'product_variants',
    'product_images',
    'product_tags',
    'prices',
    'inventory',
    'stock_movements',
    'reservations',
    'reviews',
  ]),
  ...tablesOf('cdc.orders', 'order_id', [
    'orders',
    'order_items',
    'order_status_history',
    'payments',
    'shipments',
    'returns',
    'refunds',
  ]),
  ...tablesOf('cdc.customers', 'customer_id', ['customers', 'addresses']),
  ...tablesOf('cdc.carts', 'cart_id', ['carts', 'cart_items']),
  ...tablesOf('behaviour.events', 'session_id', ['behaviour_events']),
  ...tablesOf('cdc.reference', 'tenant_id', ['tenants']),
  ...tablesOf('cdc.reference', 'vendor_id', ['vendors']),
  ...tablesOf('cdc.reference', 'category_id', ['categories']),
  ...tablesOf('cdc.reference', 'tag_id', ['tags']),
  ...tablesOf('cdc.reference', 'rule_id', ['price_rules']),
  ...tablesOf('cdc.reference', 'warehouse_id', ['warehouses']),
  ...tablesOf('cdc.reference', 'view', ['view_generations']),
];

/** Every event matters, not only an aggregate's last: nothing is compacted, and what is older than 30 days goes. */
const events = {
  'cleanup.policy': 'delete',
  'retention.ms': '2592000000',
  'max.message.bytes': '8388608',
} as const;

/** Partitions of every keyed topic unless a deployment says otherwise; a view's topic has as many as its input. */
export const DEFAULT_PARTITIONS = 4;

/** One setting for every program that writes or reads keyed topics: where they disagree, a key is looked for in the wrong partition. */
export const partitionsSetting = setting(
  'PARTITIONS',
  z.coerce.number().int().min(1).max(1024).default(DEFAULT_PARTITIONS),
  'Partitions of every keyed topic, the same for every program; fixed once the topics exist',
);

const compacted = {
  'cleanup.policy': 'compact',
  // Only closed segments are compacted, and whoever restores reads what is not: small ones keep a restore short however long it has run.
  'segment.bytes': '67108864',
  'segment.ms': '3600000',
  // Position-carrying delete records and tombstones stay readable for a week: a reader that was away that long rebuilds.
  'delete.retention.ms': '604800000',
  'max.message.bytes': '8388608',
} as const;

export const cdcTopics: readonly CdcTopic[] = [
  'cdc.catalog',
  'cdc.orders',
  'cdc.customers',
  'cdc.carts',
  'behaviour.events',
  'cdc.reference',
];
export const eventTopics: readonly EventTopic[] = ['events.product', 'events.order', 'events.other'];
export const viewTopics: readonly ViewTopic[] = [
  'views.inventory',
  'views.pricing',
  'views.catalog',
  'views.orders',
  'views.sales',
  'views.carts',
  'views.recommendations',
  'views.behaviour',
];

/** Whether a topic (without prefix) holds captured rows. */
export function isCdcTopic(topic: string): topic is CdcTopic {
  return topic.startsWith('cdc.') || topic === 'behaviour.events';
}

/** The topic of an aggregate type's events. */
export function eventTopicOf(aggregateType: string): EventTopic {
  return eventTopics.find((topic) => topic === `events.${aggregateType}`) ?? 'events.other';
}

export function partitionCount(topic: CaptureTopic | ViewTopic, partitions = DEFAULT_PARTITIONS): number {
  return topic === 'cdc.reference' ? 1 : partitions;
}

/** Events that processors make follow a view's log: a topic each, with the view's partitions. */
export const derivedEventTopics = ['events.inventory'] as const;

/** The capture's own notes (which source the log was copied from, parked tables): beside the log, and of no use to readers. */
export const CAPTURE_STATE_TOPIC = 'capture.state';

/** A compacted topic with its dead-letter topic. */
export function keyedSpecs(
  topic: CdcTopic | ViewTopic | `${ViewTopic}.g${number}`,
  prefix: string,
  partitions: number,
): TopicSpec[] {
  return [
    { topic: prefix + topic, partitions, config: compacted },
    {
      topic: `${prefix}${topic}.dlq`,
      partitions,
      config: { 'cleanup.policy': 'delete', 'retention.ms': '-1', 'max.message.bytes': '8388608' },
    },
  ];
}

export function eventSpecs(prefix: string, partitions: number): TopicSpec[] {
  return eventTopics.map((topic) => ({ topic: prefix + topic, partitions, config: events }));
}

export function captureStateSpec(prefix: string): TopicSpec {
  return { topic: prefix + CAPTURE_STATE_TOPIC, partitions: 1, config: { 'cleanup.policy': 'compact' } };
}

/** Every topic in use with its settings, `prefix` before each name; dead-letter topics included. */
export function topicSpecs(prefix = '', partitions = DEFAULT_PARTITIONS): TopicSpec[] {
  const keyed = [...cdcTopics, ...viewTopics].flatMap((topic) =>
    keyedSpecs(topic, prefix, partitionCount(topic, partitions)),
  );
  const derived = derivedEventTopics.map((topic) => ({ topic: prefix + topic, partitions, config: events }));
  return [...keyed, ...eventSpecs(prefix, partitions), ...derived, captureStateSpec(prefix)];
}
