import type { GenerationView, ViewName } from '@millrace/schemas/stores';
import { entry, list, object, plain } from '../expected/json-text.ts';
import type { DocumentKind } from '../expected/expected.ts';
import type { StoreView } from '../store-view.ts';
import { sessionsWithLate, sinceFirst } from './sessions.ts';

type Comparable = Record<string, unknown>;

/** The name of a `v_*` view, of the generation that is compared. */
type ViewOf = (name: GenerationView) => string;

/** How one view is read back out of the `v_*` views. */
export interface ClickhouseDocuments {
  readonly view: ViewName;
  readonly kind: DocumentKind;
  /** A row for each document: `id`, `position`, and `document`, its text as `expected/` says it. `within` is a condition on a column of ids. */
  readonly rows: (shown: ViewOf, within: (column: string) => string) => string;
  readonly ids: (shown: ViewOf, within: (column: string) => string) => string;
  readonly expected: (document: Comparable) => Comparable | null;
  /** The document that is compared by its fields, where it is not the row's as it stands. */
  readonly held?: (document: Comparable) => Comparable;
  /** What only the store has is no difference. */
  readonly forgets?: true;
  readonly comparable?: NonNullable<StoreView['comparable']>;
}

const text = (value: string): string => `toJSONString(toString(${value}))`;
const money = (value: string): string => `toDecimalString(${value}, 2)`;
/** Entries of JSON or values of a list, in their own order. */
const sorted = (entries: string): string => `arrayStringConcat(arraySort(${entries}), ',')`;
const braces = (entries: string): string => `concat('{', ${entries}, '}')`;

const productText = object({
  sku: text('sku'),
  name: text('name'),
  status: plain('status'),
  vendor: text('vendor'),
  categoryPath: `concat('[', arrayStringConcat(arrayMap(name -> ${text('name')}, category_path), ','), ']')`,
  tags: `concat('[', ${sorted(`arrayMap((name, value) -> ${list(text('name'), text('value'))}, tag_names, tag_values)`)}, ']')`,
  price: list(plain(money('price')), plain('currency')),
  available: 'toString(available)',
  stockStatus: plain('stock_status'),
  ratingCount: 'toString(rating_count)',
});

const level = entry(
  `variant_id || '/' || warehouse_id`,
  list('toString(on_hand)', 'toString(reserved)', 'toString(available)'),
);
const variant = entry('variant_id', list(plain(money('amount')), plain('currency')));

const orderLine = entry(
  'item_id',
  list(plain('product_id'), 'toString(quantity)', plain(money('unit_price')), plain(money('total_price'))),
);
const orderText = object({
  orderNumber: text('o.order_number'),
  status: plain('o.status'),
  currency: plain('o.currency'),
  subtotal: plain(money('o.subtotal')),
  discountAmount: plain(money('o.discount_amount')),
  taxAmount: plain(money('o.tax_amount')),
  shippingAmount: plain(money('o.shipping_amount')),
  totalAmount: plain(money('o.total_amount')),
  placedAt: plain(`replaceOne(substring(toString(o.placed_at), 1, 23), ' ', 'T') || 'Z'`),
  items: braces('i.lines'),
});

const saleLine = entry(
  'item_id',
  list(plain('product_id'), plain('currency'), 'toString(units)', plain(money('revenue'))),
);
const cartItem = entry(`p || '/' || v`, 'toString(q)');
const companion = list(plain('recommended_id'), 'toString(toInt64(round(score * 1000000)))', 'toString(orders)');

const sessionPart = list(plain('first'), plain('last'), 'v', 's', 'a', 'c', 'p');

export const clickhouseDocuments: readonly ClickhouseDocuments[] = [
  {
    view: 'catalog',
    kind: 'product',
    rows: (shown, within) =>
      `select product_id as id, position, ${productText} as document from ${shown('products')} where ${within('product_id')}`,
    ids: (shown, within) => `select product_id as id from ${shown('products')} where ${within('product_id')}`,
    expected: ({ sku, name, status, vendor, categoryPath, tags, price, stock, ratingCount }) => {
      const { available, status: stockStatus } = stock as { available: number; status: string };
      const pairs = Object.entries(tags as Record<string, string | null>).map(([tag, value]) => [tag, value ?? '']);
      return {
        ...{ sku, name, status, vendor: vendor ?? '', categoryPath },
        tags: pairs
          .map((pair) => ({ pair, text: JSON.stringify(pair) }))
          .toSorted((left, right) => (left.text < right.text ? -1 : 1))
          .map(({ pair }) => pair),
        ...{ price, available, stockStatus, ratingCount },
      };
    },
  },
  {
    view: 'inventory',
    kind: 'stock',
    rows: (shown, within) => `select product_id as id, max(position) as position,
        concat('{"warehouses":{', ${sorted(`groupArray(${level})`)}, '}}') as document
      from ${shown('inventory')} where ${within('product_id')} group by product_id`,
    ids: (shown, within) => `select distinct product_id as id from ${shown('inventory')} where ${within('product_id')}`,
    // A product that is stocked nowhere has no row here.
    expected: ({ warehouses }) => (Object.keys(warehouses as Comparable).length === 0 ? null : { warehouses }),
  },
  {
    view: 'pricing',
    kind: 'price',
    rows: (shown, within) => `select product_id as id, max(position) as position,
        concat('{"variants":{', ${sorted(`groupArray(${variant})`)}, '}}') as document
      from ${shown('prices')} where ${within('product_id')} group by product_id`,
    ids: (shown, within) => `select distinct product_id as id from ${shown('prices')} where ${within('product_id')}`,
    expected: ({ variants }) => (Object.keys(variants as Comparable).length === 0 ? null : { variants }),
  },
  {
    view: 'orders',
    kind: 'order',
    rows: (shown, within) => `select o.order_id as id, o.position as position, ${orderText} as document
      from ${shown('orders')} o
      left join (
        select order_id, ${sorted(`groupArray(${orderLine})`)} as lines from ${shown('orderItems')} where ${within('order_id')} group by order_id
      ) i on i.order_id = o.order_id
      where ${within('o.order_id')}`,
    ids: (shown, within) => `select order_id as id from ${shown('orders')} where ${within('order_id')}`,
    expected: ({ items, ...order }) => {
      const names = ['orderNumber', 'status', 'currency', 'subtotal', 'discountAmount', 'taxAmount', 'shippingAmount'];
      return {
        ...Object.fromEntries([...names, 'totalAmount', 'placedAt'].map((name) => [name, order[name]])),
        items: Object.fromEntries(
          Object.entries(items as Record<string, unknown[]>).map(([itemId, [productId, , ...rest]]) => [
            itemId,
            [productId, ...rest],
          ]),
        ),
      };
    },
  },
  {
    view: 'sales',
    kind: 'sale',
    rows: (shown, within) => `select order_id as id, max(last) as position,
        concat('{"lines":{', ${sorted(`groupArray(${saleLine})`)}, '}}') as document
      from (
        select order_id, item_id, product_id, currency, sum(quantity) as units, sum(amount) as revenue, max(position) as last
        from ${shown('saleDeltas')} where ${within('order_id')}
        group by order_id, item_id, product_id, currency having sum(lines) != 0 or units != 0 or revenue != 0
      ) group by order_id`,
    ids: (shown, within) => `select distinct order_id as id from ${shown('saleDeltas')} where ${within('order_id')}`,
    expected: (document) => document,
  },
  {
    view: 'carts',
    kind: 'cart',
    rows: (shown, within) =>
      `select cart_id as id, position, ${object({
        status: plain('status'),
        items: braces(sorted(`arrayMap((p, v, q) -> ${cartItem}, item_products, item_variants, item_quantities)`)),
      })} as document from ${shown('carts')} where ${within('cart_id')}`,
    ids: (shown, within) => `select cart_id as id from ${shown('carts')} where ${within('cart_id')}`,
    expected: ({ status, items }) => ({ status, items }),
  },
  {
    view: 'recommendations',
    kind: 'recommendation',
    rows: (shown, within) =>
      `select product_id as id, max(position) as position, ${object({
        productId: plain('product_id'),
        asOf: plain(`formatDateTime(max(as_of), '%Y-%m-%dT%H:%i:%S.000Z', 'UTC')`),
        items: `concat('[', arrayStringConcat(arrayMap(ranked -> ranked.2, arraySort(groupArray(tuple(rank, ${companion})))), ','), ']')`,
      })} as document from ${shown('recommendations')} where ${within('product_id')} group by product_id`,
    ids: (shown, within) =>
      `select distinct product_id as id from ${shown('recommendations')} where ${within('product_id')}`,
    expected: (document) => document,
  },
  {
    view: 'behaviour',
    kind: 'session',
    rows: (shown, within) => `
      select session_id as id, max(position) as position, concat('{"sessions":[', ${sorted(`groupArray(${sessionPart})`)}, ']}') as document
      from (
        select session_id, position, left(toString(started_at), 23) as first, left(toString(last_at), 23) as last, toString(views) as v,
               toString(searches) as s, toString(cart_adds) as a, toString(checkouts) as c, toString(purchases) as p
        from ${shown('sessions')} where ${within('session_id')}
        union all
        select session_id, position, left(toString(at), 23) as first, first as last, toString(toUInt8(kind = 'view')) as v,
               toString(toUInt8(kind = 'search')) as s, toString(toUInt8(kind = 'add_to_cart')) as a,
               toString(toUInt8(kind = 'checkout')) as c, toString(toUInt8(kind = 'purchase')) as p
        from ${shown('lateBehaviour')} where ${within('session_id')}
      ) group by session_id`,
    ids: (shown, within) => `
      select distinct session_id as id from (
        select session_id from ${shown('sessions')} union all select session_id from ${shown('lateBehaviour')}
      ) where ${within('session_id')}`,
    expected: (document) => document,
    // One with events that came too late makes another text, and is compared by its fields.
    held: ({ sessions }) => ({ sessions: sessionsWithLate(sessions as Parameters<typeof sessionsWithLate>[0]) }),
    comparable: sinceFirst,
    forgets: true,
  },
];
