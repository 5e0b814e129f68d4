import { bucketOf, BUCKETS } from '../../background/index.ts';

/** Units sold, less what came back, by the product's own day. */
export type Sales = Readonly<Record<string, number>>;

const DAY_US = 24 * 3600 * 1_000_000;
export const SALES_DAYS = 28;

/** Kinds of movement that are sales or take them back. */
const soldKinds: readonly string[] = ['sale', 'cancellation', 'return'];

/**
 * The number of a product's day. Days begin at another time of day for each product, so that not all of them change at once at midnight.
 */
function dayOf(productId: string, us: number): number {
  return Math.floor((us + phaseOf(productId)) / DAY_US);
}

function phaseOf(productId: string): number {
  return Math.floor((Number(bucketOf(productId)) / BUCKETS) * DAY_US);
}

/** Adds a movement, and drops the days that are over. One from the future counts today. */
export function withMovement(
  sales: Sales,
  productId: string,
  movement: { readonly kind: string; readonly delta: number; readonly atUs: number },
  nowUs: number,
): Sales {
  if (!soldKinds.includes(movement.kind)) return sales;
  const today = dayOf(productId, nowUs);
  const day = Math.min(today, dayOf(productId, movement.atUs));
  if (day <= today - SALES_DAYS) return sales;
  const kept = Object.entries(sales).filter(([key]) => Number(key) > today - SALES_DAYS);
  return { ...Object.fromEntries(kept), [String(day)]: (sales[String(day)] ?? 0) - movement.delta };
}

/** When the product's next day begins; null where no day with sales is left that could go. */
export function nextDay(sales: Sales, productId: string, nowUs: number): number | null {
  const today = dayOf(productId, nowUs);
  if (!Object.keys(sales).some((key) => Number(key) > today - SALES_DAYS)) return null;
  return (today + 1) * DAY_US - phaseOf(productId);
}

export interface Cover {
  /** Units a day over the product's last 7 and 28 days, today's included; two decimals. */
  readonly velocity7d: number;
  readonly velocity28d: number;
  /** What is available over the velocity of 7 days (of 28 where nothing sold in 7), one decimal; null: nothing sells. */
  readonly daysOfCover: number | null;
  /** When it is sold out at that velocity, whole hours, µs. */
  readonly stockOutUs: number | null;
}

export function coverOf(sales: Sales, productId: string, available: number, nowUs: number): Cover {
  const today = dayOf(productId, nowUs);
  const soldIn = (days: number): number =>
    Object.entries(sales).reduce((sum, [key, units]) => sum + (Number(key) > today - days ? units : 0), 0);
  const week = Math.max(0, soldIn(7));
  const all = Math.max(0, soldIn(SALES_DAYS));
  const perDay = week > 0 ? week / 7 : all / SALES_DAYS;
  const days = perDay > 0 ? Math.max(0, available) / perDay : null;
  const hourUs = 3600 * 1_000_000;
  return {
    velocity7d: Math.round((week * 100) / 7) / 100,
    velocity28d: Math.round((all * 100) / SALES_DAYS) / 100,
    daysOfCover: days === null ? null : Math.round(days * 10) / 10,
    stockOutUs: days === null ? null : Math.floor((nowUs + days * DAY_US) / hourUs) * hourUs,
  };
}
