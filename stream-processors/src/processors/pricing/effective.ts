/** Amounts in hundredths, times in µs of stream time. */
export interface PriceRow {
  /** Null: for every variant of the product. */
  readonly variantId: string | null;
  readonly amount: number;
  readonly currency: string;
  readonly fromUs: number;
  /** First moment at which it no longer holds; null: open. */
  readonly toUs: number | null;
  readonly reason: string | null;
}

export interface PricedProduct {
  readonly tenantId: string;
  readonly base: number;
  readonly currency: string;
}

export interface Effective {
  readonly amount: number;
  readonly currency: string;
  readonly reason: string;
  readonly fromUs: number | null;
  readonly toUs: number | null;
}

type PriceRows = Readonly<Record<string, PriceRow>>;

/**
 * The price that holds for a variant (null: for the product as such) at a time: the most specific row, variant over product; of several, the one
 * that began last, then the higher id; with none, the product's base price.
 */
export function effectivePrice(
  product: PricedProduct,
  rows: PriceRows,
  variantId: string | null,
  atUs: number,
): Effective {
  let best: PriceRow | undefined;
  let bestId = '';
  for (const [id, row] of Object.entries(rows)) {
    if (row.variantId !== null && row.variantId !== variantId) continue;
    if (row.fromUs > atUs || (row.toUs !== null && row.toUs <= atUs)) continue;
    if (best === undefined || outranks(row, id, best, bestId)) {
      best = row;
      bestId = id;
    }
  }
  if (best === undefined) {
    return { amount: product.base, currency: product.currency, reason: 'base', fromUs: null, toUs: null };
  }
  const { amount, currency, fromUs, toUs, reason } = best;
  return { amount, currency, fromUs, toUs, reason: reason ?? 'scheduled' };
}

function outranks(row: PriceRow, id: string, best: PriceRow, bestId: string): boolean {
  if ((row.variantId === null) !== (best.variantId === null)) return row.variantId !== null;
  if (row.fromUs !== best.fromUs) return row.fromUs > best.fromUs;
  return id > bestId;
}

/** The first time after `nowUs` at which any of the variants' prices changes without a row changing; null: never. */
export function nextChange(
  product: PricedProduct,
  rows: PriceRows,
  variants: readonly (string | null)[],
  nowUs: number,
): number | null {
  const times = new Set<number>();
  for (const { fromUs, toUs } of Object.values(rows)) {
    if (fromUs > nowUs) times.add(fromUs);
    if (toUs !== null && toUs > nowUs) times.add(toUs);
  }
  const now = variants.map((variantId) => effectivePrice(product, rows, variantId, nowUs));
  for (const time of [...times].sort((a, b) => a - b)) {
    const differs = variants.some((variantId, at) => {
      const then = effectivePrice(product, rows, variantId, time);
      const present = now[at];
      return then.amount !== present?.amount || then.currency !== present.currency || then.reason !== present.reason;
    });
    if (differs) return time;
  }
  return null;
}
