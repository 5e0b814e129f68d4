import { centsOf } from './money.ts';
import type { SourceLine } from './source.ts';

/** A line's amounts in cents: `totalCents = quantity × unitCents − discountCents`, and none is negative. */
export interface LineAmounts {
  readonly unitCents: number;
  readonly discountCents: number;
  readonly totalCents: number;
}

/**
 * The source gives what was paid for a line and the discount's share. The total is the paid amount, rounded to cents; the unit
 * price is the list price before the discount, rounded to cents; the discount is what lies between, so rounding never
 * touches revenue.
 */
export function lineAmounts(line: Pick<SourceLine, 'sales' | 'quantity' | 'discount'>): LineAmounts {
  const totalCents = centsOf(line.sales);
  const list = Math.round((line.sales * 100) / (line.quantity * (1 - line.discount)));
  const unitCents = Math.max(list, Math.ceil(totalCents / line.quantity));
  return { unitCents, discountCents: unitCents * line.quantity - totalCents, totalCents };
}
