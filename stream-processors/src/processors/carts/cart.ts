import type { CartView } from '@millrace/schemas/views';
import { isoTime } from '../../fields/index.ts';

/** Times in µs. */
export interface CartHead {
  readonly tenantId: string;
  readonly customerId: string | null;
  readonly status: string;
  readonly createdAtUs: number;
}

export interface CartItem {
  readonly productId: string;
  readonly variantId: string;
  readonly quantity: number;
}

export interface CartState {
  /** Null until the cart's own row is seen. */
  readonly head: CartHead | null;
  /** By `<productId>/<variantId>`. */
  readonly items: Readonly<Record<string, CartItem>>;
  /** When any of its rows last changed. */
  readonly activeUs: number;
}

/** A cart that nothing has happened to for so long has been left. */
export const ABANDONED_AFTER_US = 24 * 3600 * 1_000_000;

/** When the cart is left if nothing more happens; null where it cannot be: it is empty, or no longer open. */
export function leftAtUs({ head, items, activeUs }: CartState): number | null {
  return head?.status === 'active' && Object.keys(items).length > 0 ? activeUs + ABANDONED_AFTER_US : null;
}

/** As of a stream time (µs). */
export function cartView(cartId: string, head: CartHead, cart: CartState, nowUs: number): CartView {
  const leftUs = leftAtUs(cart);
  const items = Object.keys(cart.items)
    .sort()
    .flatMap((key) => cart.items[key] ?? []);
  return {
    tenantId: head.tenantId,
    cartId,
    customerId: head.customerId,
    status: head.status,
    items,
    units: items.reduce((sum, { quantity }) => sum + quantity, 0),
    createdAt: isoTime(head.createdAtUs),
    lastActivityAt: isoTime(cart.activeUs),
    abandonedAt: leftUs !== null && leftUs <= nowUs ? isoTime(leftUs) : null,
  };
}
