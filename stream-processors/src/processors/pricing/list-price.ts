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

export interface BasePrice {
  readonly base: number;
  readonly currency: string;
}

/** A price before rules. */
export interface ListPrice {
  readonly amount: number;
  readonly currency: string;
  readonly reason: string;
  readonly fromUs: number | null;
  readonly toUs: number | null;
}

export type PriceRows = Readonly<Record<string, PriceRow>>;

/**
 * The list price of a variant (null: of the product as such) at a time: the most specific row in force, variant over product; of several, the
 * one that began last, then the higher id; with none, the product's base price.
 */
export function listPrice(product: BasePrice, rows: PriceRows, variantId: string | null, atUs: number): ListPrice {
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
