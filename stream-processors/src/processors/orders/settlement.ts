import type { OrderView, PaymentStatus, ShippingStatus } from '@millrace/schemas/views';
import { add, amountText, isoTime } from '../../fields/index.ts';

/** Amounts in hundredths, times in µs. */
export interface Payment {
  readonly provider: string;
  readonly status: string;
  readonly amount: number;
  readonly currency: string;
}
export interface Refund {
  readonly status: string;
  readonly amount: number;
}
export interface Shipment {
  readonly status: string;
  readonly carrier: string | null;
  readonly tracking: string | null;
  readonly shippedUs: number | null;
  readonly deliveredUs: number | null;
}
export interface Return {
  readonly status: string;
  readonly reason: string | null;
}

/** What money and goods have done since the order was placed, by id of the row. */
export interface Settlement {
  readonly payments: Readonly<Record<string, Payment>>;
  readonly refunds: Readonly<Record<string, Refund>>;
  readonly shipments: Readonly<Record<string, Shipment>>;
  readonly returns: Readonly<Record<string, Return>>;
}

export interface Money {
  readonly paid: number;
  readonly refunded: number;
  readonly status: PaymentStatus;
}

/** Paid is what was ever received: a payment that was refunded since, too. A refunded payment without a refund's row counts as one. */
export function moneyOf({ payments, refunds }: Settlement, total: number): Money {
  const sum = (rows: readonly { status: string; amount: number }[], ...statuses: string[]): number =>
    add(...rows.filter(({ status }) => statuses.includes(status)).map(({ amount }) => amount));
  const all = Object.values(payments);
  const paid = sum(all, 'completed', 'refunded');
  const refunded = Math.max(sum(Object.values(refunds), 'completed'), sum(all, 'refunded'));
  return { paid, refunded, status: paymentStatus(paid, refunded, total, all) };
}

function paymentStatus(
  paid: number,
  refunded: number,
  total: number,
  payments: readonly { status: string }[],
): PaymentStatus {
  if (refunded > 0) return refunded >= paid ? 'refunded' : 'partially_refunded';
  if (paid > 0) return paid >= total ? 'paid' : 'partially_paid';
  if (payments.some(({ status }) => status === 'initiated')) return 'pending';
  return payments.some(({ status }) => status === 'failed') ? 'failed' : 'unpaid';
}

/** Of the shipments that count (not cancelled, not failed): all delivered, all on their way or there, some, none. */
export function shippingStatus({ shipments }: Settlement): ShippingStatus {
  const counted = Object.values(shipments).filter(({ status }) => status !== 'cancelled' && status !== 'failed');
  if (counted.some(({ status }) => status === 'returned')) return 'returned';
  const left = counted.filter(({ status }) => status !== 'pending');
  if (left.length === 0) return 'unshipped';
  if (left.length < counted.length) return 'partially_shipped';
  return left.every(({ status }) => status === 'delivered') ? 'delivered' : 'shipped';
}

/** When the last of the shipments arrived; null while any is on its way, or none was sent. */
export function deliveredUs(settlement: Settlement): number | null {
  if (shippingStatus(settlement) !== 'delivered') return null;
  return Object.values(settlement.shipments).reduce<number | null>(
    (latest, { deliveredUs: us }) => (us === null ? latest : Math.max(latest ?? us, us)),
    null,
  );
}

type Lists = Pick<OrderView, 'payments' | 'refunds' | 'shipments' | 'returns'>;

/** In order of id. */
export function settlementLists({ payments, refunds, shipments, returns }: Settlement): Lists {
  const iso = (us: number | null): string | null => (us === null ? null : isoTime(us));
  return {
    payments: sorted(payments).map(([paymentId, { amount, ...payment }]) => ({
      paymentId,
      ...payment,
      amount: amountText(amount),
    })),
    refunds: sorted(refunds).map(([refundId, { status, amount }]) => ({
      refundId,
      status,
      amount: amountText(amount),
    })),
    shipments: sorted(shipments).map(([shipmentId, { shippedUs, deliveredUs: arrivedUs, ...shipment }]) => ({
      shipmentId,
      ...shipment,
      shippedAt: iso(shippedUs),
      deliveredAt: iso(arrivedUs),
    })),
    returns: sorted(returns).map(([returnId, row]) => ({ returnId, ...row })),
  };
}

function sorted<T>(rows: Readonly<Record<string, T>>): [string, T][] {
  return Object.entries(rows).sort(([a], [b]) => (a < b ? -1 : 1));
}
