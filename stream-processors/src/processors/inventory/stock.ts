import type { StockStatus, StockView } from '@millrace/schemas/views';

/** On hand, reserved, low-stock threshold. */
export type Level = readonly [number, number, number];

/** A product's stock as the rows say it. */
export interface ProductStock {
  /** Null until the product's own row is seen. */
  readonly tenantId: string | null;
  /** Sorted. */
  readonly variants: readonly string[];
  /** By `<variantId>/<warehouseId>`. */
  readonly levels: Readonly<Record<string, Level>>;
}

/** The table's own default, for a product without inventory rows. */
const DEFAULT_THRESHOLD = 10;

interface Sum {
  readonly onHand: number;
  readonly reserved: number;
  readonly available: number;
}

/** Lists are in order of id. The threshold is the highest of the product's rows. */
export function stockView(productId: string, tenantId: string, stock: ProductStock): StockView {
  const warehouses = new Map<string, { warehouseId: string; onHand: number; reserved: number; available: number }[]>();
  for (const variantId of stock.variants) warehouses.set(variantId, []);
  let threshold: number | null = null;
  for (const key of Object.keys(stock.levels).sort()) {
    const [onHand, reserved, low] = stock.levels[key] ?? [0, 0, 0];
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
  return {
    tenantId,
    productId,
    ...total,
    status: statusOf(total.available, lowStockThreshold),
    lowStockThreshold,
    variants,
  };
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
