/** What an order asks of one variant, all its lines together. */
export interface Demand {
  readonly productId: string;
  readonly variantId: string;
  readonly quantity: number;
}

/** What one warehouse has of a variant and has not promised to others. */
export interface Availability {
  readonly productId: string;
  readonly variantId: string;
  readonly warehouseId: string;
  readonly available: number;
}

export interface Allocation {
  readonly productId: string;
  readonly variantId: string;
  readonly warehouseId: string;
  readonly quantity: number;
}

export interface Shortage {
  readonly productId: string;
  readonly variantId: string;
  readonly requested: number;
  readonly available: number;
}

/**
 * Takes each demand from one warehouse where one has enough (the one with least to spare), else from several, fullest first.
 * Any shortage leaves `allocations` without meaning: an order is served whole or not at all.
 */
export function allocate(
  demands: readonly Demand[],
  levels: readonly Availability[],
): { allocations: Allocation[]; shortages: Shortage[] } {
  const allocations: Allocation[] = [];
  const shortages: Shortage[] = [];
  for (const { productId, variantId, quantity } of demands) {
    const own = levels.filter((level) => level.productId === productId && level.variantId === variantId);
    const available = own.reduce((sum, level) => sum + Math.max(0, level.available), 0);
    if (available < quantity) {
      shortages.push({ productId, variantId, requested: quantity, available });
      continue;
    }
    const fullestFirst = own.toSorted((a, b) => b.available - a.available || (a.warehouseId < b.warehouseId ? -1 : 1));
    const single = fullestFirst.findLast((level) => level.available >= quantity);
    let open = quantity;
    for (const level of single === undefined ? fullestFirst : [single]) {
      const taken = Math.min(open, Math.max(0, level.available));
      if (taken > 0) allocations.push({ productId, variantId, warehouseId: level.warehouseId, quantity: taken });
      open -= taken;
    }
  }
  return { allocations, shortages };
}

/** One demand per variant, in the order in which rows are locked: by product, then variant. */
export function totalDemand(lines: readonly Demand[]): Demand[] {
  const totals = new Map<string, Demand>();
  for (const { productId, variantId, quantity } of lines) {
    const key = `${productId}/${variantId}`;
    totals.set(key, { productId, variantId, quantity: quantity + (totals.get(key)?.quantity ?? 0) });
  }
  return [...totals].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, demand]) => demand);
}
