import { firstGeneration } from './view-names.ts';
import type { GenerationOf, ViewName } from './view-names.ts';

/** The views that readers use: safe to query and sum as they are. */
export const clickhouseViews = {
  products: 'v_products',
  inventory: 'v_inventory',
  prices: 'v_prices',
  orders: 'v_orders',
  orderItems: 'v_order_items',
  saleDeltas: 'v_sale_deltas',
  carts: 'v_carts',
  recommendations: 'v_recommendations',
  sessions: 'v_sessions',
  lateBehaviour: 'v_late_behaviour',
  funnelDaily: 'v_funnel_daily',
  salesByDay: 'v_sales_by_day',
  sales5m: 'v_sales_5m',
  stockMovements: 'v_stock_movements',
  stockEvents: 'v_stock_events',
  priceChanges: 'v_price_changes',
  freshness: 'v_freshness',
} as const;

export interface ClickhouseNames {
  readonly database: string;
  /** Tables that the sink writes, with the database before them. Readers use the `v_*` views. */
  readonly tables: {
    readonly products: string;
    readonly stock: string;
    readonly movements: string;
    readonly stockEvents: string;
    readonly prices: string;
    readonly priceChanges: string;
    readonly orders: string;
    readonly saleDeltas: string;
    readonly carts: string;
    readonly recommendations: string;
    readonly sessions: string;
    readonly lateBehaviour: string;
    /** (view, generation, partition) → position, committed_at, offset; each the greatest ever written. */
    readonly watermarks: string;
  };
  /** A `v_*` view with the database before it. */
  view(name: keyof typeof clickhouseViews): string;
  /** The same of one generation, whether readers see it or not: `v_products_g2`. */
  generationView(name: GenerationView): string;
}

/** `v_*` views that each generation has for itself, by the view that they belong to; the others are made of these. */
export const clickhouseGenerationViews = {
  products: 'catalog',
  inventory: 'inventory',
  stockMovements: 'inventory',
  stockEvents: 'inventory',
  prices: 'pricing',
  priceChanges: 'pricing',
  orders: 'orders',
  orderItems: 'orders',
  saleDeltas: 'sales',
  carts: 'carts',
  recommendations: 'recommendations',
  sessions: 'behaviour',
  lateBehaviour: 'behaviour',
} as const satisfies Partial<Record<keyof typeof clickhouseViews, ViewName>>;

export type GenerationView = keyof typeof clickhouseGenerationViews;

/** ClickHouse names. `database` is CLICKHOUSE_DATABASE. */
export function clickhouseNames(database = 'millrace', generationOf: GenerationOf = firstGeneration): ClickhouseNames {
  const table = (view: ViewName, name: string): string => `${database}.${name}_g${generationOf(view)}`;
  return {
    database,
    tables: {
      products: table('catalog', 'products'),
      stock: table('inventory', 'stock'),
      movements: table('inventory', 'stock_movements'),
      stockEvents: table('inventory', 'stock_events'),
      prices: table('pricing', 'prices'),
      priceChanges: table('pricing', 'price_changes'),
      orders: table('orders', 'orders'),
      saleDeltas: table('sales', 'sale_deltas'),
      carts: table('carts', 'carts'),
      recommendations: table('recommendations', 'recommendations'),
      sessions: table('behaviour', 'sessions'),
      lateBehaviour: table('behaviour', 'late_behaviour'),
      watermarks: `${database}.watermarks`,
    },
    view: (name) => `${database}.${clickhouseViews[name]}`,
    generationView: (name) => table(clickhouseGenerationViews[name], clickhouseViews[name]),
  };
}
