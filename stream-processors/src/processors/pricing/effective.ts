import { listPrice } from './list-price.ts';
import type { BasePrice, ListPrice, PriceRows } from './list-price.ts';
import { rulingRule } from './rules.ts';
import type { ProductRules } from './rules.ts';

/** Amounts in hundredths, times in µs of stream time. */
export interface Effective extends ListPrice {
  /** Before the rule; the same where there is none. */
  readonly listAmount: number;
  /** The rule that makes the price; null: it is the list price. */
  readonly ruleId: string | null;
}

/** All that the prices of a product depend on. */
export interface Priced {
  readonly product: BasePrice;
  readonly rows: PriceRows;
  readonly rules: ProductRules;
}

/** The price that holds for a variant (null: for the product as such) at a time: its list price, changed by the rule that counts. */
export function effectivePrice({ product, rows, rules }: Priced, variantId: string | null, atUs: number): Effective {
  const list = listPrice(product, rows, variantId, atUs);
  const ruling = rules.size === 0 ? null : rulingRule(rules, list.amount, list.currency, atUs);
  if (ruling === null) return { ...list, listAmount: list.amount, ruleId: null };
  const { rule, ruleId, amount } = ruling;
  return {
    amount,
    currency: list.currency,
    reason: 'rule',
    fromUs: Math.max(list.fromUs ?? 0, rule.fromUs),
    toUs: earliest(list.toUs, rule.toUs),
    listAmount: list.amount,
    ruleId,
  };
}

/** When the prices of a product change without a row changing, after `nowUs`; null: never. */
export interface NextChanges {
  readonly any: number | null;
  /** By the product's own rows, rules being as they are then. */
  readonly byRows: number | null;
}

export function nextChanges(priced: Priced, variants: readonly (string | null)[], nowUs: number): NextChanges {
  const now = variants.map((variantId) => effectivePrice(priced, variantId, nowUs));
  const differsAt = (time: number): boolean =>
    variants.some((variantId, at) => isOther(effectivePrice(priced, variantId, time), now[at]));
  const own = boundaries(Object.values(priced.rows), nowUs);
  const byRows = own.find(differsAt) ?? null;
  if (priced.rules.size === 0) return { any: byRows, byRows };
  const rules = [...priced.rules.values()].filter(({ active }) => active);
  const all = [...new Set([...own, ...boundaries(rules, nowUs)])].sort((a, b) => a - b);
  return { any: all.find(differsAt) ?? null, byRows };
}

function boundaries(periods: readonly { fromUs: number; toUs: number | null }[], nowUs: number): number[] {
  const times = new Set<number>();
  for (const { fromUs, toUs } of periods) {
    if (fromUs > nowUs) times.add(fromUs);
    if (toUs !== null && toUs > nowUs) times.add(toUs);
  }
  return [...times].sort((a, b) => a - b);
}

function isOther(then: Effective, now: Effective | undefined): boolean {
  return (
    now === undefined ||
    then.amount !== now.amount ||
    then.currency !== now.currency ||
    then.reason !== now.reason ||
    then.ruleId !== now.ruleId
  );
}

function earliest(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.min(a, b);
}
