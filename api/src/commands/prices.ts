import type { Static } from '@fastify/type-provider-typebox';
import type { Principal } from '@millrace/kernel/security';
import { wrongField } from '../problems/wrong-field.ts';
import { writeEvent } from './outbox.ts';
import { lockProduct } from './product-lock.ts';
import type { Command } from './runner.ts';
import type { SchedulePrice } from './shapes.ts';

/** A price from `validFrom` (default now) to `validTo` (default open), for one variant or the whole product. */
export function schedulePrice(principal: Principal, productId: string, input: Static<typeof SchedulePrice>): Command {
  const { tenantId } = principal;
  return async (sql) => {
    const product = await lockProduct(sql, tenantId, productId);
    if (input.variantId !== undefined && input.variantId !== null) {
      const variant = await sql.first(
        'select from commerce.product_variants where product_id = $1 and variant_id = $2',
        [productId, input.variantId],
      );
      if (variant === undefined) {
        throw wrongField('variantId', 'names no variant of this product');
      }
    }
    const row = await sql.first<Record<string, unknown>>(
      `insert into commerce.prices (product_id, variant_id, amount, currency, valid_from, valid_to, reason, tenant_id)
       values ($1, $2, $3, $4, coalesce($5::timestamptz, now()), $6, $7, $8)
       returning product_id as "productId", price_id as "priceId", variant_id as "variantId", amount, currency,
         valid_from as "validFrom", valid_to as "validTo", reason`,
      [
        productId,
        input.variantId ?? null,
        input.amount,
        input.currency ?? product.currency,
        input.validFrom ?? null,
        input.validTo ?? null,
        input.reason ?? null,
        tenantId,
      ],
    );
    await writeEvent(sql, {
      tenantId,
      aggregateType: 'product',
      aggregateId: productId,
      eventType: 'PriceScheduled',
      payload: row,
      actor: principal.subject,
    });
    return { status: 201, body: row, headers: { location: `/api/queries/products/${productId}/prices` } };
  };
}
