import { PlatformError } from '@millrace/kernel/errors';
import type { Sql } from '../database/database.ts';

/** Locks the product against other commands until the transaction ends. Throws `not-found`. */
export async function lockProduct(
  sql: Sql,
  tenantId: string,
  productId: string,
): Promise<{ version: number; currency: string }> {
  const row = await sql.first<{ version: number; currency: string }>(
    'select version, currency from commerce.products where product_id = $1 and tenant_id = $2 for no key update',
    [productId, tenantId],
  );
  if (row === undefined) throw new PlatformError('not-found', 'There is no product with this id.');
  return row;
}
