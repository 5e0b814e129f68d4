import { Type } from '@fastify/type-provider-typebox';
import type { TUnsafe } from '@fastify/type-provider-typebox';

/** One of these texts. */
export function oneOf<T extends string>(...values: readonly T[]): TUnsafe<T> {
  return Type.Unsafe<T>({ type: 'string', enum: [...values] });
}

/** Shapes that several commands and queries share. Money is text with at most two decimals, ids are UUIDs, times ISO 8601. */
export const Uuid = Type.String({ format: 'uuid', maxLength: 36, examples: ['0198c1d2-7f00-7000-8000-000000000001'] });
export const Money = Type.String({
  pattern: '^(?!0+(\\.0{1,2})?$)\\d{1,10}(\\.\\d{1,2})?$',
  description: 'Above 0, at most two decimals',
  examples: ['19.90'],
});
export const Currency = oneOf('USD', 'EUR', 'GBP', 'CHF', 'CAD', 'AUD', 'JPY', 'SEK', 'NOK', 'DKK', 'PLN');
export const Moment = Type.String({ format: 'date-time', examples: ['2026-01-31T12:00:00Z'] });
export const FreeObject = Type.Record(Type.String(), Type.Unknown());
export const text = (maxLength: number, minLength = 1) =>
  Type.String({ minLength, maxLength, pattern: '^[^\\u0000]*$' });
export const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()]);
export const closed = { additionalProperties: false } as const;

export const IdParams = Type.Object({ id: Uuid }, closed);

const Tag = Type.Object(
  {
    tagId: Type.Optional(Uuid),
    name: Type.Optional(text(100)),
    value: Type.Optional(nullable(text(255, 0))),
  },
  { ...closed, description: 'By tagId, or by name (a new name makes the tag)' },
);
export const TagSet = Type.Array(Tag, { maxItems: 100 });

export const CreateProduct = Type.Object(
  {
    productId: Type.Optional(Uuid),
    sku: text(100),
    name: text(500),
    description: Type.Optional(nullable(text(20_000, 0))),
    status: Type.Optional(oneOf('draft', 'active', 'archived')),
    categoryId: Type.Optional(nullable(Uuid)),
    vendorId: Type.Optional(nullable(Uuid)),
    basePrice: Money,
    currency: Type.Optional(Currency),
    weight: Type.Optional(nullable(Type.Number({ minimum: 0, maximum: 99_999 }))),
    attributes: Type.Optional(FreeObject),
    dimensions: Type.Optional(nullable(FreeObject)),
    tags: Type.Optional(TagSet),
    variants: Type.Optional(
      Type.Array(
        Type.Object(
          {
            variantId: Type.Optional(Uuid),
            sku: text(100),
            name: Type.Optional(nullable(text(500))),
            attributes: Type.Optional(FreeObject),
          },
          closed,
        ),
        { maxItems: 200 },
      ),
    ),
    images: Type.Optional(
      Type.Array(Type.Object({ url: text(2_000), alt: Type.Optional(nullable(text(500, 0))) }, closed), {
        maxItems: 50,
      }),
    ),
  },
  {
    ...closed,
    examples: [{ sku: 'MUG-1', name: 'Blue mug', basePrice: '12.50', tags: [{ name: 'color', value: 'blue' }] }],
  },
);

export const UpdateProduct = Type.Object(
  {
    sku: Type.Optional(text(100)),
    name: Type.Optional(text(500)),
    description: Type.Optional(nullable(text(20_000, 0))),
    status: Type.Optional(oneOf('draft', 'active', 'archived')),
    categoryId: Type.Optional(nullable(Uuid)),
    vendorId: Type.Optional(nullable(Uuid)),
    basePrice: Type.Optional(Money),
    currency: Type.Optional(Currency),
    weight: Type.Optional(nullable(Type.Number({ minimum: 0, maximum: 99_999 }))),
    attributes: Type.Optional(FreeObject),
    dimensions: Type.Optional(nullable(FreeObject)),
  },
  { ...closed, minProperties: 1, description: 'What is left out stays as it is' },
);

export const SetTags = Type.Object(
  {
    tagId: Type.Optional(Uuid),
    name: Type.Optional(text(100)),
    value: Type.Optional(nullable(text(255, 0))),
    tags: Type.Optional(TagSet),
  },
  {
    ...closed,
    minProperties: 1,
    description: 'One tag (tagId or name), or `tags`. POST adds or changes; PUT with `tags` replaces the whole set.',
    examples: [{ name: 'color', value: 'blue' }],
  },
);

export const ChangeInventory = Type.Object(
  {
    delta: Type.Integer({ minimum: -1_000_000_000, maximum: 1_000_000_000 }),
    variantId: Type.Optional(Uuid),
    warehouseId: Type.Optional(Uuid),
    reason: Type.Optional(text(30)),
  },
  { ...closed, examples: [{ delta: 10, reason: 'restock' }] },
);

export const SchedulePrice = Type.Object(
  {
    amount: Money,
    currency: Type.Optional(Currency),
    variantId: Type.Optional(nullable(Uuid)),
    validFrom: Type.Optional(Moment),
    validTo: Type.Optional(nullable(Moment)),
    reason: Type.Optional(nullable(text(100))),
  },
  { ...closed, examples: [{ amount: '9.90', validFrom: '2026-12-01T00:00:00Z', reason: 'winter sale' }] },
);

export const PlaceOrder = Type.Object(
  {
    customerId: Type.Optional(Uuid),
    items: Type.Array(
      Type.Object(
        {
          productId: Uuid,
          variantId: Type.Optional(Uuid),
          quantity: Type.Integer({ minimum: 1, maximum: 100_000 }),
        },
        closed,
      ),
      { minItems: 1, maxItems: 200 },
    ),
    shippingAddress: Type.Optional(FreeObject),
    cartId: Type.Optional(Uuid),
  },
  { ...closed, description: 'Ends the cart that it is placed from, where one is named' },
);

export const ChangeCart = Type.Object(
  {
    productId: Uuid,
    variantId: Type.Optional(Uuid),
    quantity: Type.Integer({ minimum: 0, maximum: 100_000 }),
    customerId: Type.Optional(Uuid),
  },
  {
    ...closed,
    description:
      'POST adds so many, PUT makes them so many (0 takes the line out). The first line of a new id begins the cart.',
    examples: [{ productId: '0198c1d2-7f00-7000-8000-000000000001', quantity: 1 }],
  },
);

export const CancelOrder = nullable(Type.Object({ reason: Type.Optional(text(500)) }, closed));

export const AdvanceOrder = Type.Object(
  {
    status: oneOf('confirmed', 'paid', 'fulfilling', 'shipped', 'delivered', 'cancelled', 'returned', 'refunded'),
    reason: Type.Optional(text(500)),
  },
  { ...closed, examples: [{ status: 'confirmed' }] },
);

export const RecordPayment = Type.Object(
  {
    provider: text(50),
    providerRef: Type.Optional(text(200)),
    amount: Type.Optional(Money),
    status: Type.Optional(oneOf('initiated', 'completed', 'failed')),
  },
  {
    ...closed,
    description: 'A completed payment (the default) makes the order paid',
    examples: [{ provider: 'demo' }],
  },
);

export const RecordShipment = Type.Object(
  { carrier: Type.Optional(text(100)), tracking: Type.Optional(text(200)) },
  { ...closed, description: 'Makes the order shipped', examples: [{ carrier: 'post', tracking: 'RR1' }] },
);
