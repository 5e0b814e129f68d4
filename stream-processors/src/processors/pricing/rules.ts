import { scaled, smallestAmount } from '../../fields/index.ts';

export const ruleScopes = ['category', 'vendor', 'tag', 'product'] as const;
export const ruleKinds = ['percent', 'amount', 'fixed'] as const;

/** A row of `price_rules`. Times in µs of stream time. */
export interface PriceRule {
  readonly tenantId: string;
  readonly scope: (typeof ruleScopes)[number];
  readonly scopeId: string;
  readonly kind: (typeof ruleKinds)[number];
  /** Hundredths: of a percent, or of the currency that the price is in. */
  readonly value: number;
  readonly priority: number;
  readonly fromUs: number;
  /** First moment at which it no longer holds; null: open. */
  readonly toUs: number | null;
  readonly active: boolean;
}

/** The rules whose scope a product is in, by rule id. */
export type ProductRules = ReadonlyMap<string, PriceRule>;

const PERCENT = 10_000;

/** What a rule makes of a list price: rounded half up to the currency's smallest amount, and never less than that. */
export function ruledAmount(rule: PriceRule, amount: number, currency: string): number {
  const unit = smallestAmount(currency);
  return Math.max(unit, reduced(rule, amount, unit));
}

function reduced({ kind, value }: PriceRule, amount: number, unit: number): number {
  switch (kind) {
    case 'percent':
      return scaled(amount, Math.max(0, PERCENT - value), PERCENT, unit);
    case 'amount':
      return scaled(Math.max(0, amount - value), 1, 1, unit);
    case 'fixed':
      return scaled(value, 1, 1, unit);
  }
}

/**
 * Rules do not add up: of those in force the highest priority alone counts, of equal ones the one that gives the lowest price, then the
 * higher id. Null where none is in force.
 */
export function rulingRule(
  rules: ProductRules,
  amount: number,
  currency: string,
  atUs: number,
): { ruleId: string; rule: PriceRule; amount: number } | null {
  let best: { ruleId: string; rule: PriceRule; amount: number } | null = null;
  for (const [ruleId, rule] of rules) {
    if (!isInForce(rule, atUs)) continue;
    const offer = { ruleId, rule, amount: ruledAmount(rule, amount, currency) };
    if (best === null || outranks(offer, best)) best = offer;
  }
  return best;
}

function isInForce({ active, fromUs, toUs }: PriceRule, atUs: number): boolean {
  return active && fromUs <= atUs && (toUs === null || toUs > atUs);
}

type Offer = { readonly ruleId: string; readonly rule: PriceRule; readonly amount: number };

function outranks(offer: Offer, best: Offer): boolean {
  if (offer.rule.priority !== best.rule.priority) return offer.rule.priority > best.rule.priority;
  if (offer.amount !== best.amount) return offer.amount < best.amount;
  return offer.ruleId > best.ruleId;
}

/** The first moment after `nowUs` at which the rule begins or ends to hold; null: never. */
export function nextBoundary({ active, fromUs, toUs }: PriceRule, nowUs: number): number | null {
  if (!active) return null;
  if (fromUs > nowUs) return fromUs;
  return toUs !== null && toUs > nowUs ? toUs : null;
}
