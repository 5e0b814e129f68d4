/** What traffic needs to know of the shop. Money in cents. */
export interface Offer {
  readonly productId: string;
  readonly variantId: string;
  readonly warehouseId: string;
  /** The product's base price when the traffic began. */
  readonly priceCents: number;
}

export interface OrderRequest {
  readonly customerId: string;
  readonly lines: readonly (Offer & { readonly quantity: number })[];
  /** The cart that the order is placed from, which it ends. */
  readonly cartId?: string | undefined;
}

/** One line put into a cart, which begins with its first. */
export interface CartLine extends Offer {
  readonly cartId: string;
  readonly customerId: string;
  readonly quantity: number;
}

/** What a visitor does at once, in this order. */
export interface Visit {
  readonly sessionId: string;
  readonly steps: readonly { readonly type: string; readonly productId: string }[];
}

export interface OpenOrder {
  readonly orderId: string;
  readonly status: string;
}

export type PriceChange =
  | { readonly kind: 'base'; readonly productId: string; readonly cents: number }
  | {
      readonly kind: 'scheduled';
      readonly productId: string;
      readonly cents: number;
      readonly inMs: number;
      readonly forMs: number;
    };

export interface TagAssignment {
  readonly productId: string;
  readonly tagId: string;
  readonly value: string;
}

/** done: it is committed. refused: the shop said no, as it should: not enough stock, or someone else was first. */
export type Outcome = 'done' | 'refused';

/** A way to change the shop. Whatever else goes wrong is thrown. */
export interface TrafficTarget {
  /** The order's id, or undefined where it was refused. */
  placeOrder(request: OrderRequest): Promise<string | undefined>;
  moveOrder(order: OpenOrder, to: string): Promise<Outcome>;
  restock(level: Offer, delta: number): Promise<Outcome>;
  changePrice(change: PriceChange): Promise<Outcome>;
  setTag(tag: TagAssignment): Promise<Outcome>;
  removeTag(tag: TagAssignment): Promise<Outcome>;
  fillCart(line: CartLine): Promise<Outcome>;
  browse(visit: Visit): Promise<Outcome>;
}

/** Where an order goes next: forward, or, before it is paid, sometimes to cancelled. Undefined at the end of the road. */
export function nextStatus(status: string, cancel: boolean): string | undefined {
  if (cancel && (status === 'pending' || status === 'confirmed')) return 'cancelled';
  return following[status];
}

const following: Readonly<Record<string, string>> = {
  pending: 'confirmed',
  confirmed: 'paid',
  paid: 'fulfilling',
  fulfilling: 'shipped',
  shipped: 'delivered',
};
