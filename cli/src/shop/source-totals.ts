import { centsOf, moneyText } from './money.ts';
import { readSource } from './source.ts';
import type { SourceLine } from './source.ts';

/** Money as text with two decimals; months as `2016-11` (UTC); orders are counted once each. */
export interface Totals {
  readonly revenue: string;
  readonly units: number;
  readonly orders: number;
}
export interface SourceTotals {
  readonly total: Totals;
  readonly byMonth: readonly (Totals & { readonly month: string })[];
  /** Sorted by month, then sub-category. An order of two sub-categories counts in both. */
  readonly byMonthAndSubCategory: readonly (Totals & { readonly month: string; readonly subCategory: string })[];
}

/**
 * Revenue, units and orders as the source file itself has them, by none of the code that loads the shop: what every store
 * must show after the whole file is played in. A line's revenue is its sales amount rounded to cents (`centsOf`).
 */
export function sourceTotals(lines: readonly SourceLine[] = readSource()): SourceTotals {
  const grouped = (keyOf: (line: SourceLine) => string) => {
    const groups = new Map<string, SourceLine[]>();
    for (const line of lines) {
      const key = keyOf(line);
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [line]);
      else group.push(line);
    }
    return [...groups].sort(([one], [other]) => (one < other ? -1 : 1));
  };
  return {
    total: totalsOf(lines),
    byMonth: grouped(monthOf).map(([month, group]) => ({ month, ...totalsOf(group) })),
    byMonthAndSubCategory: grouped((line) => `${monthOf(line)}/${line.subCategory}`).map(([key, group]) => ({
      month: key.slice(0, 7),
      subCategory: key.slice(8),
      ...totalsOf(group),
    })),
  };
}

function totalsOf(lines: readonly SourceLine[]): Totals {
  return {
    revenue: moneyText(lines.reduce((sum, line) => sum + centsOf(line.sales), 0)),
    units: lines.reduce((sum, line) => sum + line.quantity, 0),
    orders: new Set(lines.map((line) => line.orderNumber)).size,
  };
}

function monthOf(line: SourceLine): string {
  return new Date(line.orderedOn).toISOString().slice(0, 7);
}
