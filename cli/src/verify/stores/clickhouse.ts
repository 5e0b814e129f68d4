import { FIRST_GENERATION, clickhouseNames } from '@millrace/schemas/stores';
import type { GenerationView, ViewName } from '@millrace/schemas/stores';
import type { CliConfig } from '../../config/index.ts';
import type { StoreClients } from '../../lag/store-clients.ts';
import { appliedByAll, clickhouseGenerationMarks, clickhouseMarks } from '../../lag/watermarks.ts';
import type { DocumentKind } from '../expected.ts';
import type { HeldDocument, StoreView } from '../store-view.ts';
import { sessionsWithLate } from './sessions.ts';

type Comparable = Record<string, unknown>;

/** The name of a `v_*` view, of the generation that is compared. */
type ViewOf = (name: GenerationView) => string;

/** How one view is read back out of the `v_*` views: one row for each document, its parts as JSON of the comparable form. */
interface ClickhouseView {
  readonly view: ViewName;
  readonly kind: DocumentKind;
  /** Answers `id`, `position` and columns; `{ids:Array(String)}` is the page. */
  readonly query: (shown: ViewOf) => string;
  readonly idQuery: (shown: ViewOf) => string;
  readonly held: (row: Record<string, unknown>) => Comparable;
  readonly expected: (document: Comparable) => Comparable | null;
}

const pairs = (rows: unknown): [string, unknown][] => (rows as [string, unknown][]).map(([key, value]) => [key, value]);

const views: readonly ClickhouseView[] = [
  {
    view: 'catalog',
    kind: 'product',
    query: (
      shown,
    ) => `select toString(product_id) as id, toString(position) as position, sku, name, status, ifNull(vendor, '') as vendor, ifNull(category, '') as category,
              toString(price) as price, toString(currency) as currency
            from ${shown('products')} where toString(product_id) in {ids:Array(String)}`,
    idQuery: (shown) =>
      `select toString(product_id) as id from ${shown('products')} where toString(product_id) > {after:String} order by id limit {page:UInt32}`,
    held: ({ sku, name, status, vendor, category, price, currency }) => ({
      ...{ sku, name, status, vendor, category },
      price: twoPlaces([price, currency]),
    }),
    expected: (document) => ({
      sku: document['sku'],
      name: document['name'],
      status: document['status'],
      vendor: document['vendor'] ?? '',
      category: (document['categoryPath'] as string[]).at(-1) ?? '',
      price: document['price'],
    }),
  },
  {
    view: 'inventory',
    kind: 'stock',
    query: (shown) => `select toString(product_id) as id, toString(max(position)) as position,
              groupArray(tuple(concat(toString(variant_id), '/', toString(warehouse_id)), [toInt32(on_hand), toInt32(reserved), toInt32(available)])) as warehouses
            from ${shown('inventory')} where toString(product_id) in {ids:Array(String)} group by product_id`,
    idQuery: (shown) =>
      `select distinct toString(product_id) as id from ${shown('inventory')} where toString(product_id) > {after:String} order by id limit {page:UInt32}`,
    held: ({ warehouses }) => ({ warehouses: Object.fromEntries(pairs(warehouses)) }),
    // A product that is stocked nowhere has no row here.
    expected: ({ warehouses }) => (Object.keys(warehouses as Comparable).length === 0 ? null : { warehouses }),
  },
  {
    view: 'pricing',
    kind: 'price',
    query: (shown) => `select toString(product_id) as id, toString(max(position)) as position,
              groupArray(tuple(toString(variant_id), [toString(toDecimal64(amount, 2)), toString(currency)])) as variants
            from ${shown('prices')} where toString(product_id) in {ids:Array(String)} group by product_id`,
    idQuery: (shown) =>
      `select distinct toString(product_id) as id from ${shown('prices')} where toString(product_id) > {after:String} order by id limit {page:UInt32}`,
    held: ({ variants }) => ({
      variants: Object.fromEntries(pairs(variants).map(([id, value]) => [id, twoPlaces(value)])),
    }),
    expected: (document) => ({ variants: document['variants'] }),
  },
  {
    view: 'orders',
    kind: 'order',
    query: (
      shown,
    ) => `select toString(o.order_id) as id, toString(o.position) as position, o.order_number as order_number, o.status as status,
              o.currency as currency, toString(o.total_amount) as total_amount, i.lines as lines
            from ${shown('orders')} o
            left join (
              select order_id, groupArray([toString(item_id), toString(product_id), toString(quantity), toString(unit_price), toString(total_price)]) as lines
              from ${shown('orderItems')} where order_id in {ids:Array(String)} group by order_id
            ) i on i.order_id = o.order_id
            where o.order_id in {ids:Array(String)}`,
    idQuery: (shown) =>
      `select toString(order_id) as id from ${shown('orders')} where toString(order_id) > {after:String} order by id limit {page:UInt32}`,
    held: ({ order_number, status, currency, total_amount, lines }) => ({
      orderNumber: order_number,
      status,
      currency,
      totalAmount: money(total_amount),
      items: Object.fromEntries(
        (lines as string[][]).map(([itemId = '', productId, quantity, unitPrice, totalPrice]) => [
          itemId,
          [productId, Number(quantity), money(unitPrice), money(totalPrice)],
        ]),
      ),
    }),
    expected: (document) => ({
      orderNumber: document['orderNumber'],
      status: document['status'],
      currency: document['currency'],
      totalAmount: document['totalAmount'],
      items: Object.fromEntries(
        Object.entries(document['items'] as Record<string, unknown[]>).map(([itemId, [productId, , ...rest]]) => [
          itemId,
          [productId, ...rest],
        ]),
      ),
    }),
  },
  {
    view: 'sales',
    kind: 'sale',
    query: (
      shown,
    ) => `select order_id as id, toString(max(last)) as position, groupArray([item_id, product_id, currency, toString(units), toString(revenue)]) as lines
            from (
              select order_id, item_id, product_id, currency, sum(quantity) as units, sum(amount) as revenue, max(position) as last
              from ${shown('saleDeltas')} where order_id in {ids:Array(String)}
              group by order_id, item_id, product_id, currency having sum(lines) != 0 or units != 0 or revenue != 0
            ) group by order_id`,
    idQuery: (shown) =>
      `select distinct order_id as id from ${shown('saleDeltas')} where order_id > {after:String} order by id limit {page:UInt32}`,
    held: ({ lines }) => ({
      lines: Object.fromEntries(
        (lines as string[][]).map(([itemId = '', productId, currency, quantity, amount]) => [
          itemId,
          [productId, currency, Number(quantity), money(amount)],
        ]),
      ),
    }),
    expected: (document) => document,
  },
  {
    view: 'carts',
    kind: 'cart',
    query: (shown) => `select cart_id as id, toString(position) as position, status,
              arrayMap((p, v, q) -> tuple(concat(p, '/', v), toString(q)), item_products, item_variants, item_quantities) as items
            from ${shown('carts')} where cart_id in {ids:Array(String)}`,
    idQuery: (shown) =>
      `select cart_id as id from ${shown('carts')} where cart_id > {after:String} order by id limit {page:UInt32}`,
    held: ({ status, items }) => ({
      status,
      items: Object.fromEntries(pairs(items).map(([key, quantity]) => [key, Number(quantity)])),
    }),
    expected: ({ status, items }) => ({ status, items }),
  },
  {
    view: 'recommendations',
    kind: 'recommendation',
    query: (
      shown,
    ) => `select product_id as id, toString(max(position)) as position, formatDateTime(max(as_of), '%Y-%m-%dT%H:%i:%S.000Z', 'UTC') as as_of,
              arraySort(groupArray(tuple(rank, recommended_id, toString(round(score * 1000000)), toString(orders)))) as items
            from ${shown('recommendations')} where product_id in {ids:Array(String)} group by product_id`,
    idQuery: (shown) =>
      `select distinct product_id as id from ${shown('recommendations')} where product_id > {after:String} order by id limit {page:UInt32}`,
    held: ({ id, as_of, items }) => ({
      ...{ productId: id, asOf: as_of },
      items: (items as string[][]).map(([, otherId, score, orders]) => [otherId, Number(score), Number(orders)]),
    }),
    expected: (document) => document,
  },
  {
    view: 'behaviour',
    kind: 'session',
    query: (shown) => `
      select session_id as id, toString(max(position)) as position, groupArray([first, last, v, s, a, c, p]) as told
      from (
        select session_id, position, left(toString(started_at), 23) as first, left(toString(last_at), 23) as last, toString(views) as v,
               toString(searches) as s, toString(cart_adds) as a, toString(checkouts) as c, toString(purchases) as p
        from ${shown('sessions')} where session_id in {ids:Array(String)}
        union all
        select session_id, position, left(toString(at), 23) as first, first as last, toString(toUInt8(kind = 'view')) as v,
               toString(toUInt8(kind = 'search')) as s, toString(toUInt8(kind = 'add_to_cart')) as a,
               toString(toUInt8(kind = 'checkout')) as c, toString(toUInt8(kind = 'purchase')) as p
        from ${shown('lateBehaviour')} where session_id in {ids:Array(String)}
      ) group by session_id`,
    idQuery: (shown) => `
      select distinct session_id as id from (
        select session_id from ${shown('sessions')} union all select session_id from ${shown('lateBehaviour')}
      ) where session_id > {after:String} order by id limit {page:UInt32}`,
    held: ({ told }) => ({ sessions: sessionsWithLate(told as Parameters<typeof sessionsWithLate>[0]) }),
    expected: (document) => document,
  },
];

const PAGE = 5000;

/** `generation`: null for what readers see under the plain names. */
export function clickhouseStoreViews(clients: StoreClients, config: CliConfig, generation: number | null): StoreView[] {
  const names = clickhouseNames(config.clickhouseDatabase, () => generation ?? FIRST_GENERATION);
  const shown: ViewOf = (name) => (generation === null ? names.view(name) : names.generationView(name));
  const rowsOf = async <T>(query: string, query_params: Record<string, unknown>): Promise<T[]> =>
    (await clients.clickhouse.query({ query, query_params, format: 'JSONEachRow' })).json<T>();
  return views.map(({ view, kind, query, idQuery, held, expected }) => ({
    view,
    store: 'clickhouse',
    kind,
    expected,
    applied: async () =>
      appliedByAll(
        generation === null
          ? await clickhouseMarks(clients)
          : await clickhouseGenerationMarks(clients, config, view, generation),
        view,
        config.partitions,
      ),
    async fetch(ids) {
      const rows = await rowsOf<Record<string, unknown> & { id: string; position: string }>(query(shown), { ids });
      return new Map(
        rows.map((row): [string, HeldDocument] => [row.id, { position: BigInt(row.position), document: held(row) }]),
      );
    },
    async *ids() {
      let after = '';
      for (;;) {
        const ids = (await rowsOf<{ id: string }>(idQuery(shown), { after, page: PAGE })).map((row) => row.id);
        const last = ids.at(-1);
        if (last === undefined) return;
        yield ids;
        after = last;
      }
    },
  }));
}

/** ClickHouse prints decimals without their last zeros; money has two places. */
function money(text: unknown): string {
  const [whole = '0', fraction = ''] = String(text).split('.');
  return `${whole}.${fraction.padEnd(2, '0')}`;
}

function twoPlaces(value: unknown): unknown {
  const [amount, currency] = value as [string, string];
  return [money(amount), currency];
}
