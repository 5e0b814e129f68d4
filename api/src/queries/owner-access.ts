import { PlatformError } from '@millrace/kernel/errors';
import { hasRole } from '@millrace/kernel/security';
import type { Principal } from '@millrace/kernel/security';
import type { CartView, OrderView } from '@millrace/schemas/views';

/** The order as this principal may see it: staff and its customer whole, a vendor its own lines. Throws `forbidden` to others. */
export function orderFor(principal: Principal, order: OrderView): OrderView {
  if (hasRole(principal, 'admin', 'support')) return order;
  if (hasRole(principal, 'customer') && order.customerId === principal.customerId) return order;
  if (hasRole(principal, 'vendor')) {
    const items = order.items.filter((item) => item.vendorId === principal.vendorId);
    if (items.length > 0) return { ...order, items };
  }
  throw new PlatformError('forbidden', 'This order is someone else’s.');
}

/** The cart as this principal may see it: staff and its customer. Throws `forbidden` to others. */
export function cartFor(principal: Principal, cart: CartView): CartView {
  if (hasRole(principal, 'admin', 'support')) return cart;
  if (cart.customerId !== null && cart.customerId === principal.customerId) return cart;
  throw new PlatformError('forbidden', 'This cart is someone else’s.');
}

/** Whose list a principal may read. Throws `forbidden`. */
export function refuseForeignList(principal: Principal, owner: { customerId?: string; vendorId?: string }): void {
  if (hasRole(principal, 'admin', 'support')) return;
  const ownCustomer = owner.customerId !== undefined && owner.customerId === principal.customerId;
  const ownVendor = owner.vendorId !== undefined && owner.vendorId === principal.vendorId;
  if (!ownCustomer && !ownVendor) throw new PlatformError('forbidden', 'These orders are someone else’s.');
}
