import { PlatformError } from '@millrace/kernel/errors';
import type { Logger } from '@millrace/kernel/telemetry';
import type { Relation } from '@millrace/schemas/cdc';
import { createEventEncoder } from '@millrace/schemas/events';
import type { SchemaRegistry } from '@millrace/schemas/registry';
import { eventTopics } from '@millrace/schemas/topics';
import type pg from 'pg';
import type { ProducersConfig } from '../config.ts';
import type { Route } from '../capture/routes.ts';
import { createEventRoute } from './event-route.ts';
import type { OutboxMetrics } from './outbox-metrics.ts';
import { outboxTable } from './outbox-table.ts';
import type { OutboxTable } from './outbox-table.ts';

/** The captured outbox: which relation it is, and where its rows go. */
export interface Outbox {
  readonly table: OutboxTable;
  readonly metrics: OutboxMetrics;
  /** The event topics, prefix included. */
  readonly topics: readonly string[];
  is(relation: Pick<Relation, 'schema' | 'table'>): boolean;
  route(relation: Relation): Route;
}

export interface OpenOutboxOptions {
  readonly config: Pick<ProducersConfig, 'publicationName' | 'outboxTable' | 'topicPrefix' | 'partitions'>;
  readonly sql: pg.Client;
  readonly registry: SchemaRegistry;
  readonly logger: Logger;
  readonly metrics: OutboxMetrics;
}

/** Event types that are named in the log; whoever writes the outbox may write any. */
const MOST_TOLD = 100;

/** Checks the outbox and registers every event schema; null where none is captured. Throws `table-not-capturable`, `schema-incompatible`. */
export async function openOutbox(options: OpenOutboxOptions): Promise<Outbox | null> {
  const { config, sql, registry, logger, metrics } = options;
  const table = await outboxTable(sql, config.publicationName, config.outboxTable);
  if (table === null) return null;
  const encoder = await createEventEncoder(registry, config.topicPrefix);
  const told = new Set<string>();
  const onGeneric = (eventType: string): void => {
    metrics.generic.inc();
    if (told.has(eventType) || told.size >= MOST_TOLD) return;
    told.add(eventType);
    logger.warn({ eventType }, 'events of this type are written with the generic schema: they have none that fits');
  };
  return {
    table,
    metrics,
    topics: eventTopics.map((topic) => config.topicPrefix + topic),
    is: (relation) => relation.schema === table.schema && relation.table === table.table,
    route(relation) {
      const events = createEventRoute(relation, encoder, config.partitions, onGeneric);
      return {
        relation,
        topic: 'events.other',
        outbox: events,
        tableKey: Buffer.from(`${relation.table}/`),
        partition: (row) => events.partition(row),
        key: (row) => Buffer.from(events.eventId(row)),
        encoder: {
          schemaId: 0,
          encode() {
            throw new PlatformError('internal', 'a row of the outbox is an event, not a change');
          },
        },
      };
    },
  };
}
