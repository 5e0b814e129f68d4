import type { StockStatus, StockView } from '@millrace/schemas/views';
import { isoTime } from '../../fields/index.ts';
import { coverOf } from './sales.ts';
import type { Sales } from './sales.ts';

/** On hand, reserved, low-stock threshold. */
export type Level = readonly [number, number, number];

export interface Reservation {
  /** `<variantId>/<warehouseId>`. */
  readonly level: string;
  readonly quantity: number;
  readonly expiresUs: number;
}

/** A product's stock as the rows say it. */
export interface ProductStock {
  /** Null until the product's own row is seen. */
  readonly tenantId: string | null;
  /** Sorted. */
  readonly variants: readonly string[];
  /** By `<variantId>/<warehouseId>`. */
  readonly levels: Readonly<Record<string, Level>>;
  /** The active ones, by reservation id. */
  readonly reservations: Readonly<Record<string, Reservation>>;
  /** Per level, what its quantity has changed by more than movements say; only what is not 0. */
  readonly unexplained: Readonly<Record<string, number>>;
  /** Levels that began at the commit of this position: their first quantity needs no movement. */
  readonly begun: { readonly lsn: string; readonly levels: readonly string[] } | null;
  readonly sales: Sales;
  /** As last shown; null while it has no levels. */
  readonly shown: StockStatus | null;
  /** The mismatch has been told. */
  readonly alarmed: boolean;
}

/** The table's own default, for a product without inventory rows. */
const DEFAULT_THRESHOLD = 10;

interface Sum {
  readonly onHand: number;
  readonly reserved: number;
  readonly available: number;
}

/** As of a stream time (µs). Lists are in order of id. The threshold is the highest of the product's rows. */
export function stockView(
  productId: string,
  tenantId: string,
  stock: ProductStock,
  nowUs: number,
): Required<StockView> {
  const warehouses = new Map<string, { warehouseId: string; onHand: number; reserved: number; available: number }[]>();
  for (const variantId of stock.variants) warehouses.set(variantId, []);
  const lapsed = lapsedOf(stock, nowUs);
  let threshold: number | null = null;
  for (const key of Object.keys(stock.levels).sort()) {
    const [onHand, held, low] = stock.levels[key] ?? [0, 0, 0];
    const reserved = Math.max(0, held - (lapsed.get(key) ?? 0));
    const slash = key.indexOf('/');
    const variantId = key.slice(0, slash);
    const list = warehouses.get(variantId) ?? [];
    list.push({ warehouseId: key.slice(slash + 1), onHand, reserved, available: onHand - reserved });
    warehouses.set(variantId, list);
    threshold = Math.max(threshold ?? 0, low);
  }
  const variants = [...warehouses.entries()]
    .map(([variantId, levels]) => ({ variantId, ...sum(levels), warehouses: levels }))
    .sort((a, b) => (a.variantId < b.variantId ? -1 : 1));
  const total = sum(variants);
  const lowStockThreshold = threshold ?? DEFAULT_THRESHOLD;
  const { velocity7d, velocity28d, daysOfCover, stockOutUs } = coverOf(stock.sales, productId, total.available, nowUs);
  return {
    tenantId,
    productId,
    ...total,
    status: statusOf(total.available, lowStockThreshold),
    lowStockThreshold,
    velocity7d,
    velocity28d,
    daysOfCover,
    projectedStockOutAt: stockOutUs === null ? null : isoTime(stockOutUs),
    unexplained: Object.values(stock.unexplained).reduce((all, units) => all + units, 0),
    flags: Object.keys(stock.unexplained).length > 0 ? ['movement-mismatch'] : [],
    variants,
  };
}

/** What reservations that nobody has released yet no longer hold, by level. */
function lapsedOf({ reservations }: ProductStock, nowUs: number): ReadonlyMap<string, number> {
  const lapsed = new Map<string, number>();
  for (const { level, quantity, expiresUs } of Object.values(reservations)) {
    if (expiresUs <= nowUs) lapsed.set(level, (lapsed.get(level) ?? 0) + quantity);
  }
  return lapsed;
}

/** When the next reservation expires, after `nowUs`; null: none does. */
export function nextExpiry({ reservations }: ProductStock, nowUs: number): number | null {
  let next: number | null = null;
  for (const { expiresUs } of Object.values(reservations)) {
    if (expiresUs > nowUs && (next === null || expiresUs < next)) next = expiresUs;
  }
  return next;
}

export function statusOf(available: number, threshold: number): StockStatus {
  if (available <= 0) return 'out_of_stock';
  return available <= threshold ? 'low_stock' : 'in_stock';
}

function sum(parts: readonly Sum[]): Sum {
  let onHand = 0;
  let reserved = 0;
  for (const part of parts) {
    onHand += part.onHand;
    reserved += part.reserved;
  }
  return { onHand, reserved, available: onHand - reserved };
}
