import { hasRole } from '@millrace/kernel/security';
import type { Principal } from '@millrace/kernel/security';
import type { TopicOwner } from '../feed/index.ts';
import { isPublic } from '../protocol/index.ts';
import type { TopicKind } from '../protocol/index.ts';

export type Access = 'ok' | 'unauthenticated' | 'forbidden';

/**
 * Who may read a topic. Stock, price and product are public. An order is read by its customer, by a vendor with a line in it, and by admin
 * and support of its tenant; a cart by its customer, and by admin and support. What nobody has seen yet has no owner: any known caller may
 * wait for it, and is checked when it comes.
 */
export function accessTo(kind: TopicKind, owner: TopicOwner | null, principal: Principal | null): Access {
  if (isPublic(kind)) return 'ok';
  if (principal === null) return 'unauthenticated';
  if (owner === null) return 'ok';
  if (owner.tenantId !== principal.tenantId) return 'forbidden';
  if (hasRole(principal, 'admin', 'support')) return 'ok';
  if (hasRole(principal, 'customer') && principal.customerId === owner.customerId) return 'ok';
  const { vendorId } = principal;
  return hasRole(principal, 'vendor') && vendorId !== undefined && owner.vendorIds.includes(vendorId)
    ? 'ok'
    : 'forbidden';
}
