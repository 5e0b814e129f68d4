/** Statuses an order can have and which may follow which. */
export const orderStatuses = [
  'pending',
  'confirmed',
  'paid',
  'fulfilling',
  'shipped',
  'delivered',
  'cancelled',
  'returned',
  'refunded',
] as const;
export type OrderStatus = (typeof orderStatuses)[number];

const next: Readonly<Record<OrderStatus, readonly OrderStatus[]>> = {
  pending: ['confirmed', 'cancelled'],
  confirmed: ['paid', 'cancelled'],
  paid: ['fulfilling', 'cancelled', 'refunded'],
  fulfilling: ['shipped', 'cancelled'],
  shipped: ['delivered', 'returned'],
  delivered: ['returned'],
  cancelled: ['refunded'],
  returned: ['refunded'],
  refunded: [],
};

export function mayFollow(from: OrderStatus, to: OrderStatus): boolean {
  return next[from].includes(to);
}

/** The statuses still to be taken on the ordinary road from one to the other, `to` included; null if it does not lie ahead. */
export function roadTo(from: OrderStatus, to: OrderStatus): OrderStatus[] | null {
  const road: readonly OrderStatus[] = ['pending', 'confirmed', 'paid', 'fulfilling', 'shipped', 'delivered'];
  const [start, end] = [road.indexOf(from), road.indexOf(to)];
  return start < 0 || end <= start ? null : road.slice(start + 1, end + 1);
}
