import { DEMO_TENANT } from '@millrace/kernel/security';
import type { Principal, Role } from '@millrace/kernel/security';

export const customerId = '0198c1d2-0000-7000-8000-000000000c01';

/** A principal of the role; `id` is its customer's or vendor's. */
export function principalOf(role: Role, id = customerId): Principal {
  return {
    subject: `test-${role}`,
    tenantId: DEMO_TENANT,
    roles: [role],
    ...(role === 'customer' ? { customerId: id } : {}),
    ...(role === 'vendor' ? { vendorId: id } : {}),
  };
}
