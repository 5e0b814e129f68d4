import { clickhouseNames } from '@millrace/schemas/stores';
import type { ClickhouseNames, GenerationOf, ViewName } from '@millrace/schemas/stores';
import type { CliConfig } from '../config/index.ts';
import type { StoreClients } from '../lag/index.ts';
import { strangeId } from './planter.ts';
import type { Planter, Way } from './planter.ts';

interface Held {
  readonly table: keyof ClickhouseNames['tables'];
  /** The column of the documents' ids. */
  readonly id: string;
  /** Compared columns: texts and numbers, and lists of either. */
  readonly texts?: readonly string[];
  readonly numbers?: readonly string[];
  readonly textLists?: readonly string[];
  readonly numberLists?: readonly string[];
}

const ORDER_AMOUNTS = ['subtotal', 'discount_amount', 'tax_amount', 'shipping_amount', 'total_amount'] as const;
const held: Readonly<Partial<Record<ViewName, Held>>> = {
  catalog: {
    ...{ table: 'products', id: 'id', texts: ['sku', 'name', 'status', 'vendor', 'currency', 'stock_status'] },
    ...{ numbers: ['price', 'available', 'rating_count'], textLists: ['category_path', 'tag_names', 'tag_values'] },
  },
  inventory: {
    ...{ table: 'stock', id: 'id', textLists: ['level_variants', 'level_warehouses'] },
    numberLists: ['level_on_hand', 'level_reserved', 'level_available'],
  },
  pricing: {
    ...{
      table: 'prices',
      id: 'id',
      textLists: ['variant_ids', 'variant_currencies'],
      numberLists: ['variant_amounts'],
    },
  },
  orders: {
    ...{ table: 'orders', id: 'id', texts: ['order_number', 'status', 'currency'] },
    ...{ numbers: [...ORDER_AMOUNTS, 'placed_at'], textLists: ['item_ids', 'item_products'] },
    numberLists: ['item_quantities', 'item_unit_prices', 'item_total_prices'],
  },
  sales: {
    table: 'saleDeltas',
    id: 'order_id',
    texts: ['item_id', 'product_id', 'currency'],
    numbers: ['quantity', 'amount'],
  },
  carts: {
    ...{ table: 'carts', id: 'id', texts: ['status'], textLists: ['item_products', 'item_variants'] },
    numberLists: ['item_quantities'],
  },
  recommendations: {
    ...{
      table: 'recommendations',
      id: 'id',
      textLists: ['item_products'],
      numberLists: ['item_scores', 'item_orders'],
    },
  },
};

const NEXT: readonly [keyof Held, (column: string) => string][] = [
  ['texts', (column) => `concat(${column}, '~')`],
  ['numbers', (column) => `${column} + 1`],
  ['textLists', (column) => `arrayMap(one -> concat(one, '~'), ${column})`],
  ['numberLists', (column) => `arrayMap(one -> one + 1, ${column})`],
];

export function clickhousePlanter(
  { clickhouse }: StoreClients,
  config: CliConfig,
  generationOf: GenerationOf,
): Planter {
  const names = clickhouseNames(config.clickhouseDatabase, generationOf);
  let strange = 0;
  const run = async (query: string, query_params: Record<string, unknown>): Promise<void> => {
    await clickhouse.command({ query, query_params });
  };
  return {
    ways(view) {
      const of = held[view.view as ViewName];
      if (of === undefined) return [];
      const table = names.tables[of.table];
      const read = `select * from ${table} final where ${of.id} = {id:String}`;
      /** Of equal versions the last one written counts. What is replaced is no part of the condition. */
      const again = (replaced: string, params: Record<string, unknown>): Promise<void> =>
        run(`insert into ${table} select * replace (${replaced}) from (${read})`, params);
      const way = (name: string, kind: Way['kind'], replaced: string): Way => ({
        ...{ name, kind },
        async plant(id) {
          await again(replaced, { id });
          return id;
        },
      });
      const isFact = of.id !== 'id';
      const extra: Way = {
        ...{ name: 'extra', kind: 'extra' },
        async plant(id) {
          const other = strangeId(++strange);
          await again(`{other:String} as ${of.id}${isFact ? `, concat({other:String}, '/', id) as id` : ''}`, {
            id,
            other,
          });
          return other;
        },
      };
      const position: Way = {
        ...{ name: 'position', kind: 'different' },
        async plant(id) {
          const kept = `${table}_planted`;
          await run(`drop table if exists ${kept}`, {});
          await run(`create table ${kept} engine = Memory as ${read}`, {
            id,
          });
          await run(`alter table ${table} delete where id = {id:String} settings mutations_sync = 2`, { id });
          await run(`insert into ${table} select * replace (version - 1 as version) from ${kept}`, {});
          await run(`drop table ${kept}`, {});
          return id;
        },
      };
      const columns = NEXT.flatMap(([type, next]) =>
        ((of[type] ?? []) as readonly string[]).map((column) =>
          way(column, 'different', `${next(column)} as ${column}`),
        ),
      );
      // An order without sales has nothing to compare positions with.
      return [way('missing', 'missing', '1 as deleted'), ...(isFact ? [] : [extra, position]), ...columns];
    },
    done: () => Promise.resolve(),
  };
}
