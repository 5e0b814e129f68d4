import type { OrderView } from '@millrace/schemas/views';
import { add, amountText, isoTime, multiply } from '../../fields/index.ts';
import { deliveredUs, moneyOf, settlementLists, shippingStatus } from './settlement.ts';
import type { Money, Settlement } from './settlement.ts';
import { isAllowed } from './transitions.ts';

/** Amounts in hundredths, times in µs. */
export interface OrderHead {
  readonly tenantId: string;
  readonly orderNumber: string;
  readonly customerId: string | null;
  readonly status: string;
  readonly currency: string;
  readonly subtotal: number;
  readonly discount: number;
  readonly tax: number;
  readonly shipping: number;
  readonly total: number;
  readonly placedAtUs: number;
}

export interface OrderLine {
  readonly productId: string;
  readonly variantId: string | null;
  readonly vendorId: string | null;
  readonly name: string | null;
  readonly quantity: number;
  readonly unitPrice: number;
  readonly totalPrice: number;
}

export interface StatusEvent {
  readonly status: string;
  readonly atUs: number;
}

/** What an order is promised by: so long after it was placed. */
export const PROMISE_US = 7 * 24 * 3600 * 1_000_000;

export interface OrderState extends Settlement {
  /** Null until the order's own row is seen. */
  readonly head: OrderHead | null;
  /** By item id. */
  readonly items: Readonly<Record<string, OrderLine>>;
  /** By history id. */
  readonly history: Readonly<Record<string, StatusEvent>>;
  /** Statuses the order's row has had, by commit. */
  readonly seen: readonly StatusEvent[];
}

/** As of a stream time (µs). */
export function orderView(orderId: string, head: OrderHead, order: OrderState, nowUs: number): OrderView {
  const timeline = timelineOf(order);
  const money = moneyOf(order, head.total);
  const late = isLate(head, order, timeline, nowUs);
  return {
    tenantId: head.tenantId,
    orderId,
    orderNumber: head.orderNumber,
    customerId: head.customerId,
    status: head.status,
    currency: head.currency,
    subtotal: amountText(head.subtotal),
    discountAmount: amountText(head.discount),
    taxAmount: amountText(head.tax),
    shippingAmount: amountText(head.shipping),
    totalAmount: amountText(head.total),
    placedAt: isoTime(head.placedAtUs),
    items: Object.keys(order.items)
      .sort()
      .flatMap((itemId) => {
        const line = order.items[itemId];
        if (line === undefined) return [];
        const { unitPrice, totalPrice, ...rest } = line;
        return [{ itemId, ...rest, unitPrice: amountText(unitPrice), totalPrice: amountText(totalPrice) }];
      }),
    timeline: timeline.map(({ status, atUs }) => ({ status, at: isoTime(atUs) })),
    flags: flagsOf(head, order, timeline, money, late),
    paymentStatus: money.status,
    paidAmount: amountText(money.paid),
    refundedAmount: amountText(money.refunded),
    shippingStatus: shippingStatus(order),
    promisedBy: isoTime(head.placedAtUs + PROMISE_US),
    late,
    ...settlementLists(order),
  };
}

/** By time, then id; history ids are made in order, so several changes at one time keep theirs. */
export function timelineOf({ history, seen }: OrderState): readonly StatusEvent[] {
  const ids = Object.keys(history).sort();
  if (ids.length === 0) return seen;
  return ids.flatMap((id) => history[id] ?? []).sort((a, b) => a.atUs - b.atUs);
}

function flagsOf(
  head: OrderHead,
  order: OrderState,
  timeline: readonly StatusEvent[],
  { paid, refunded }: Money,
  late: boolean,
): string[] {
  const isOther = Object.values(order.payments).some(({ currency }) => currency !== head.currency);
  const found: readonly (readonly [string, boolean])[] = [
    ['total-mismatch', !totalsAgree(head, order)],
    ['overpaid', paid > head.total],
    ['refund-exceeds-payment', refunded > paid],
    ['payment-currency-mismatch', isOther],
    ['late', late],
  ];
  return [...illegalTransitions(timeline), ...found.flatMap(([flag, holds]) => (holds ? [flag] : []))];
}

/** Statuses after which nothing is due any more. */
const settled: readonly string[] = ['delivered', 'cancelled', 'returned', 'refunded'];

export function isOpen({ status }: OrderHead): boolean {
  return !settled.includes(status);
}

/** It arrived after its promise, or it is due and has not arrived. */
function isLate(head: OrderHead, order: OrderState, timeline: readonly StatusEvent[], nowUs: number): boolean {
  const promisedUs = head.placedAtUs + PROMISE_US;
  const arrivedUs = deliveredUs(order) ?? timeline.find(({ status }) => status === 'delivered')?.atUs ?? null;
  if (arrivedUs !== null) return arrivedUs > promisedUs;
  return isOpen(head) && nowUs >= promisedUs;
}

function illegalTransitions(timeline: readonly StatusEvent[]): string[] {
  return timeline.flatMap(({ status }, at) => {
    const from = timeline[at - 1]?.status;
    return from === undefined || isAllowed(from, status) ? [] : [`illegal-transition:${from}->${status}`];
  });
}

/** The total is its parts, and the subtotal the lines' sum (with or without the lines' own discounts). */
function totalsAgree(head: OrderHead, order: OrderState): boolean {
  const lines = Object.values(order.items);
  const net = add(...lines.map(({ totalPrice }) => totalPrice));
  const gross = add(...lines.map(({ unitPrice, quantity }) => multiply(unitPrice, quantity)));
  if (head.subtotal !== net && head.subtotal !== gross) return false;
  return head.total === add(head.subtotal, -head.discount, head.tax, head.shipping);
}
