import { FIRST_GENERATION } from './view-names.ts';

/** The views that readers use: safe to query and sum as they are. `v_funnel_daily` follows with behaviour events. */
export const clickhouseViews = {
  products: 'v_products',
  inventory: 'v_inventory',
  prices: 'v_prices',
  orders: 'v_orders',
  orderItems: 'v_order_items',
  salesByDay: 'v_sales_by_day',
  sales5m: 'v_sales_5m',
  stockMovements: 'v_stock_movements',
  priceChanges: 'v_price_changes',
  freshness: 'v_freshness',
} as const;

/** Statuses of orders that are no sale: all others count, so revenue is that of every order which was not called off. */
export const unsoldOrderStatuses: readonly string[] = ['cancelled'];

export interface ClickhouseNames {
  readonly database: string;
  /** Tables that the sink writes, with the database before them. Readers use the `v_*` views. */
  readonly tables: {
    readonly products: string;
    readonly stock: string;
    readonly movements: string;
    readonly prices: string;
    readonly priceChanges: string;
    readonly orders: string;
    /** (view, generation, partition) → position, committed_at, offset; each the greatest ever written. */
    readonly watermarks: string;
    readonly schemaVersions: string;
  };
  /** A `v_*` view with the database before it. */
  view(name: keyof typeof clickhouseViews): string;
}

/** ClickHouse names. `database` is CLICKHOUSE_DATABASE. */
export function clickhouseNames(database = 'millrace', generation = FIRST_GENERATION): ClickhouseNames {
  const table = (name: string): string => `${database}.${name}_g${generation}`;
  return {
    database,
    tables: {
      products: table('products'),
      stock: table('stock'),
      movements: table('stock_movements'),
      prices: table('prices'),
      priceChanges: table('price_changes'),
      orders: table('orders'),
      watermarks: `${database}.watermarks`,
      schemaVersions: `${database}.schema_versions`,
    },
    view: (name) => `${database}.${clickhouseViews[name]}`,
  };
}
