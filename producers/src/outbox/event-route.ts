import type { LogRecord } from '@millrace/kernel/log';
import { PlatformError } from '@millrace/kernel/errors';
import type { Position } from '@millrace/kernel/position';
import type { Relation, TextRow } from '@millrace/schemas/cdc';
import { timestampLong } from '@millrace/schemas/cdc';
import type { EventEncoder, OutboxEvent } from '@millrace/schemas/events';
import { partitionOf } from '@millrace/schemas/partition';
import { eventTopicOf } from '@millrace/schemas/topics';
import type { EventTopic } from '@millrace/schemas/topics';
import { positionHeader } from '../capture/log-positions.ts';

/** How the outbox's inserted rows become events. */
export interface EventRoute {
  topic(row: TextRow): EventTopic;
  /** The aggregate's partition in its topic. */
  partition(row: TextRow): number;
  eventId(row: TextRow): string;
  record(position: Position, row: TextRow): LogRecord;
}

/** Headers of ours; a row's own headers of these names are not taken over. */
export const EVENT_NAME_HEADER = 'event-name';
export const EVENT_ID_HEADER = 'event-id';
const OWN_HEADERS = new Set([EVENT_NAME_HEADER, EVENT_ID_HEADER, 'millrace.position']);

/** `onGeneric` is told the type of each event that was written with the generic schema. */
export function createEventRoute(
  relation: Relation,
  encoder: EventEncoder,
  partitions: number,
  onGeneric: (eventType: string) => void,
): EventRoute {
  const at = (name: string): number => relation.columns.findIndex((column) => column.name === name);
  const columns = {
    eventId: at('event_id'),
    aggregateType: at('aggregate_type'),
    aggregateId: at('aggregate_id'),
    eventType: at('event_type'),
    payload: at('payload'),
    headers: at('headers'),
    tenantId: at('tenant_id'),
    createdAt: at('created_at'),
  };
  const required = (row: TextRow, column: keyof typeof columns): string => {
    const text = row.text(columns[column]);
    if (text !== null) return text;
    throw new PlatformError('table-not-capturable', `a row of ${relation.schema}.${relation.table} lacks ${column}`);
  };
  const optional = (row: TextRow, column: number): string | null => (column < 0 ? null : row.text(column));
  const topic = (row: TextRow): EventTopic => eventTopicOf(required(row, 'aggregateType'));
  return {
    topic,
    partition: (row) => partitionOf(required(row, 'aggregateId'), partitions),
    eventId: (row) => required(row, 'eventId'),
    record(position, row) {
      const event: OutboxEvent = {
        eventId: required(row, 'eventId'),
        aggregateType: required(row, 'aggregateType'),
        aggregateId: required(row, 'aggregateId'),
        eventType: required(row, 'eventType'),
        tenantId: optional(row, columns.tenantId),
        occurredAt: timestampLong(optional(row, columns.createdAt) ?? '1970-01-01 00:00:00+00'),
        payload: required(row, 'payload'),
      };
      const { value, generic } = encoder.encode(topic(row), event);
      if (generic) onGeneric(event.eventType);
      return {
        key: Buffer.from(event.aggregateId),
        value,
        headers: [
          [EVENT_NAME_HEADER, Buffer.from(event.eventType)],
          [EVENT_ID_HEADER, Buffer.from(event.eventId)],
          positionHeader(position),
          ...passedOn(optional(row, columns.headers)),
        ],
      };
    },
  };
}

/** The row's own headers (`traceparent`, `tracestate`, the actor, …): texts as they are, anything else as JSON. */
function passedOn(headers: string | null): (readonly [string, Buffer])[] {
  const parsed: unknown = headers === null ? null : JSON.parse(headers);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return [];
  return Object.entries(parsed)
    .filter(([name]) => !OWN_HEADERS.has(name))
    .map(([name, value]) => [name, Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))]);
}
