import avro from 'avsc';
import { PlatformError } from '@millrace/kernel/errors';
import { HEADER_BYTES, bigintLong, framed, schemaIdOf } from '../avro/index.ts';
import { timestampOfLong } from '../cdc/timestamp-long.ts';
import type { SchemaRegistry } from '../registry/index.ts';
import { eventTopics } from '../topics/index.ts';
import type { EventTopic } from '../topics/index.ts';
import { eventSchema, genericEventSchema, payloadOf } from './event-schemas.ts';
import { eventPayloads } from './event-schemas.ts';
import type { Payload } from './event-schemas.ts';
import { jsonMembers } from './json-members.ts';

/** An outbox row as the capture reads it. */
export interface OutboxEvent {
  readonly eventId: string;
  readonly aggregateType: string;
  readonly aggregateId: string;
  readonly eventType: string;
  readonly tenantId: string | null;
  /** As a long of `timestamp-micros` holds it. */
  readonly occurredAt: bigint;
  /** JSON text. */
  readonly payload: string;
}

/** Writes `events.*` values. */
export interface EventEncoder {
  /** By the event's own schema where it has one in this topic and its payload fits, else by the generic one: no event is lost. */
  encode(topic: EventTopic, event: OutboxEvent): { readonly value: Buffer; readonly generic: boolean };
}

interface Compiled {
  readonly id: number;
  readonly type: avro.Type;
  readonly payload: Payload | null;
}

/** The JSON members stay texts; µs stay exact. */
function compile(schema: unknown): avro.Type {
  return avro.Type.forSchema(schema as avro.Schema, {
    typeHook: (part: unknown) =>
      typeof part === 'object' && (part as { logicalType?: string }).logicalType === 'timestamp-micros'
        ? bigintLong
        : undefined,
  });
}

/** Registers every event schema, before first use. */
export async function createEventEncoder(registry: SchemaRegistry, topicPrefix: string): Promise<EventEncoder> {
  const compiled = new Map<string, Compiled>();
  const generic = new Map<EventTopic, Compiled>();
  const add = async (topic: EventTopic): Promise<void> => {
    const register = (schema: Record<string, unknown>) => registry.register(topicPrefix + topic, schema);
    const type = compile(genericEventSchema);
    generic.set(topic, { id: await register(genericEventSchema), type, payload: null });
    await Promise.all(
      Object.keys(eventPayloads[topic]).map(async (name) => {
        const payload = payloadOf(topic, name) ?? {};
        const schema = eventSchema(name, payload);
        compiled.set(`${topic} ${name}`, { id: await register(schema), type: compile(schema), payload });
      }),
    );
  };
  await Promise.all(eventTopics.map(add));
  return {
    encode(topic, event) {
      const own = compiled.get(`${topic} ${event.eventType}`);
      const payload = own === undefined ? null : fitted(own, event);
      if (own !== undefined && payload !== null) {
        const value = { ...headOf(event), payload };
        if (own.type.isValid(value)) return { value: framed(own.id, own.type.toBuffer(value)), generic: false };
      }
      const other = generic.get(topic);
      if (other === undefined) throw new PlatformError('internal', `no generic event schema of ${topic}`);
      const { aggregateType, eventType } = event;
      const body = { ...headOf(event), aggregate_type: aggregateType, event_type: eventType, payload: event.payload };
      return { value: framed(other.id, other.type.toBuffer(body)), generic: true };
    },
  };
}

function headOf({ eventId, aggregateId, tenantId, occurredAt }: OutboxEvent) {
  return { event_id: eventId, aggregate_id: aggregateId, tenant_id: tenantId, occurred_at: occurredAt };
}

/** The payload's members as the schema holds them; null where it is not an object. Whether they fit is the schema's to say. */
function fitted({ payload }: Compiled, event: OutboxEvent): Record<string, unknown> | null {
  const members = jsonMembers(event.payload);
  if (members === null || payload === null) return null;
  const value: Record<string, unknown> = {};
  let rest: string | null = null;
  for (const [name, kind] of Object.entries(payload)) {
    if (kind === 'rest') {
      rest = name;
      continue;
    }
    const text = members.get(name);
    members.delete(name);
    if (text === undefined || text === 'null')
      value[name] = typeof kind === 'string' && kind.endsWith('?') ? null : undefined;
    else if (kind === 'json' || kind === 'json?') value[name] = text;
    else if (typeof kind === 'object') {
      const items = fittedItems(text, Object.keys(kind[0] ?? {}));
      if (items === null) return null;
      value[name] = items;
    } else value[name] = JSON.parse(text);
  }
  if (rest !== null) value[rest] = Object.fromEntries(members);
  return value;
}

/** The items of a list; null where one has members that the schema does not name, which would be lost. */
function fittedItems(text: string, names: readonly string[]): Record<string, unknown>[] | null {
  const items: unknown = JSON.parse(text);
  if (!Array.isArray(items)) return null;
  const fit = items.every(
    (item) =>
      typeof item === 'object' && item !== null && Object.keys(item as object).every((name) => names.includes(name)),
  );
  if (!fit) return null;
  return (items as Record<string, unknown>[]).map((item) =>
    Object.fromEntries(names.map((name) => [name, item[name] ?? null])),
  );
}

/** An event as a reader gets it. */
export interface DecodedEvent {
  /** The schema's name: the event's own, or `Event` for the generic one. */
  readonly schema: string;
  readonly eventId: string;
  readonly aggregateId: string;
  readonly tenantId: string | null;
  /** µs since 1970. */
  readonly occurredAtUs: number | bigint;
  /** Members as the schema holds them: JSON members are texts. The whole JSON text under the generic schema. */
  readonly payload: unknown;
}

/** Reads `events.*` values, fetching schemas as they come. */
export function createEventDecoder(registry: SchemaRegistry): (value: Buffer) => Promise<DecodedEvent> {
  const types = new Map<number, avro.Type>();
  return async (value) => {
    const id = schemaIdOf(value);
    const type = types.get(id) ?? compile(await registry.schema(id));
    types.set(id, type);
    const event = type.fromBuffer(value.subarray(HEADER_BYTES)) as {
      event_id: string;
      aggregate_id: string;
      tenant_id: string | null;
      occurred_at: bigint;
      payload: unknown;
    };
    return {
      schema: type.name?.replace(/^.*\./, '') ?? '',
      eventId: event.event_id,
      aggregateId: event.aggregate_id,
      tenantId: event.tenant_id,
      occurredAtUs: timestampOfLong(event.occurred_at),
      payload: event.payload,
    };
  };
}
