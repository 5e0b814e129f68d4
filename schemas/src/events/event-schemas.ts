import type { EventTopic } from '../topics/index.ts';

/**
 * How a payload's member is held: `json` is its JSON text, `rest` the members that the schema does not name (JSON texts by name). `?` may be
 * null or absent.
 */
type MemberKind = 'string' | 'int' | 'json' | 'rest' | 'string?' | 'int?' | 'json?' | readonly Members[];
type Members = Readonly<Record<string, 'string' | 'int' | 'string?'>>;
type Payload = Readonly<Record<string, MemberKind>>;

const line: Members = {
  productId: 'string',
  variantId: 'string',
  vendorId: 'string?',
  name: 'string',
  quantity: 'int',
  unitPrice: 'string',
  totalPrice: 'string',
};
const allocation: Members = { productId: 'string', variantId: 'string', warehouseId: 'string', quantity: 'int' };
const tag: Members = { tagId: 'string', name: 'string', value: 'string?' };

/** Every event that has a schema of its own, by topic and name; members that are not named here are kept in `more`. */
export const eventPayloads = {
  'events.product': {
    ProductCreated: {
      productId: 'string',
      sku: 'string',
      name: 'string',
      description: 'string?',
      status: 'string',
      categoryId: 'string?',
      vendorId: 'string?',
      basePrice: 'string',
      currency: 'string',
      weight: 'string?',
      attributes: 'json',
      dimensions: 'json?',
      version: 'int',
      more: 'rest',
    },
    // What an update left alone is absent, what it emptied is null: so the changed members stay a map.
    ProductUpdated: { productId: 'string', version: 'int', changes: 'rest' },
    ProductTagged: { productId: 'string', tags: [tag], more: 'rest' },
    ProductUntagged: { productId: 'string', tagId: 'string', more: 'rest' },
    InventoryChanged: {
      productId: 'string',
      variantId: 'string',
      warehouseId: 'string',
      quantity: 'int',
      reserved: 'int',
      available: 'int',
      delta: 'int',
      version: 'int',
      more: 'rest',
    },
    PriceScheduled: {
      productId: 'string',
      priceId: 'string',
      variantId: 'string?',
      amount: 'string',
      currency: 'string',
      validFrom: 'string',
      validTo: 'string?',
      reason: 'string?',
      more: 'rest',
    },
  },
  'events.order': {
    OrderCreated: {
      orderId: 'string',
      orderNumber: 'string',
      customerId: 'string?',
      status: 'string',
      currency: 'string',
      subtotal: 'string',
      discountAmount: 'string',
      taxAmount: 'string',
      shippingAmount: 'string',
      totalAmount: 'string',
      placedAt: 'string',
      version: 'int',
      items: [line],
      more: 'rest',
    },
    OrderCancelled: {
      orderId: 'string',
      status: 'string',
      reason: 'string?',
      restocked: [allocation],
      more: 'rest',
    },
    OrderStatusChanged: { orderId: 'string', status: 'string', previousStatus: 'string', more: 'rest' },
    PaymentRecorded: {
      orderId: 'string',
      paymentId: 'string',
      provider: 'string',
      paymentStatus: 'string',
      amount: 'string',
      currency: 'string',
      status: 'string',
      more: 'rest',
    },
    OrderShipped: {
      orderId: 'string',
      shipmentId: 'string',
      carrier: 'string?',
      tracking: 'string?',
      status: 'string',
      more: 'rest',
    },
  },
  'events.other': {},
} as const satisfies Record<EventTopic, Readonly<Record<string, Payload>>>;

const NAMESPACE = 'millrace.events';
const jsonText = { type: 'string', logicalType: 'json' } as const;
const optional = (type: unknown) => ['null', type];

function memberField(event: string, name: string, kind: MemberKind): Record<string, unknown> {
  if (typeof kind === 'object') {
    const [members = {}] = kind;
    const fields = Object.entries(members).map(([member, of]) => memberField(event, member, of));
    const item = { type: 'record', name: `${event}${name.charAt(0).toUpperCase()}${name.slice(1)}`, fields };
    return { name, type: { type: 'array', items: item }, default: [] };
  }
  switch (kind) {
    case 'string':
    case 'int':
      return { name, type: kind };
    case 'json':
      return { name, type: jsonText };
    case 'rest':
      return { name, type: { type: 'map', values: jsonText }, default: {} };
    case 'string?':
      return { name, type: optional('string'), default: null };
    case 'int?':
      return { name, type: optional('int'), default: null };
    case 'json?':
      return { name, type: optional(jsonText), default: null };
  }
}

const head = [
  { name: 'event_id', type: 'string' },
  { name: 'aggregate_id', type: 'string' },
  { name: 'tenant_id', type: ['null', 'string'], default: null },
  { name: 'occurred_at', type: { type: 'long', logicalType: 'timestamp-micros' } },
];

/** An event's schema: who, when, and its payload. */
export function eventSchema(name: string, payload: Payload): Record<string, unknown> {
  const fields = Object.entries(payload).map(([member, kind]) => memberField(name, member, kind));
  return {
    type: 'record',
    name,
    namespace: NAMESPACE,
    fields: [...head, { name: 'payload', type: { type: 'record', name: `${name}Payload`, fields } }],
  };
}

/** What carries every event that has no schema of its own, or a payload that does not fit it: the payload stays JSON, as it was written. */
export const genericEventSchema = {
  type: 'record',
  name: 'Event',
  namespace: NAMESPACE,
  fields: [
    ...head,
    { name: 'aggregate_type', type: 'string' },
    { name: 'event_type', type: 'string' },
    { name: 'payload', type: jsonText },
  ],
};

/** Every schema that a topic's events may have. */
export function eventSchemasOf(topic: EventTopic): Record<string, unknown>[] {
  const payloads: Readonly<Record<string, Payload>> = eventPayloads[topic];
  return [...Object.entries(payloads).map(([name, payload]) => eventSchema(name, payload)), genericEventSchema];
}

/** What the encoder needs of a payload's schema: undefined where the event has none of its own. */
export function payloadOf(topic: EventTopic, eventType: string): Payload | undefined {
  const payloads: Readonly<Record<string, Payload>> = eventPayloads[topic];
  return Object.hasOwn(payloads, eventType) ? payloads[eventType] : undefined;
}

export type { Payload };
