import type { Static } from '@fastify/type-provider-typebox';
import { PlatformError } from '@millrace/kernel/errors';
import type { Principal } from '@millrace/kernel/security';
import type { Sql } from '../database/database.ts';
import { writeEvent } from './outbox.ts';
import { lockProduct } from './product-lock.ts';
import type { Command } from './runner.ts';
import type { CreateProduct, UpdateProduct } from './shapes.ts';
import { assignTags } from './tags.ts';

/** A product's own row, as commands answer it. */
interface ProductRow {
  readonly productId: string;
  readonly version: number;
  readonly [column: string]: unknown;
}

const productColumns = `
  product_id as "productId", sku, name, description, status, category_id as "categoryId", vendor_id as "vendorId",
  base_price as "basePrice", currency, weight, attributes, dimensions, version`;

export function createProduct(principal: Principal, input: Static<typeof CreateProduct>): Command {
  const { tenantId } = principal;
  return async (sql) => {
    const row = await sql.first<ProductRow>(
      `insert into commerce.products (product_id, sku, name, description, status, category_id, vendor_id, base_price, currency,
         weight, attributes, dimensions, tenant_id)
       values (coalesce($1, uuidv7()), $2, $3, $4, coalesce($5, 'active'), $6, $7, $8, coalesce($9, 'USD'), $10,
         coalesce($11::jsonb, '{}'), $12, $13)
       returning ${productColumns}`,
      [
        input.productId ?? null,
        input.sku,
        input.name,
        input.description ?? null,
        input.status ?? null,
        input.categoryId ?? null,
        input.vendorId ?? null,
        input.basePrice,
        input.currency ?? null,
        input.weight ?? null,
        jsonOrNull(input.attributes),
        jsonOrNull(input.dimensions),
        tenantId,
      ],
    );
    if (row === undefined) throw new PlatformError('internal', 'the insert of a product returned no row');
    const { productId } = row;
    await insertVariants(sql, tenantId, productId, input);
    await insertImages(sql, tenantId, productId, input);
    await assignTags(sql, tenantId, productId, input.tags ?? [], 'tags.');
    await writeEvent(sql, productEvent(principal, 'ProductCreated', row));
    return {
      status: 201,
      body: row,
      headers: { location: `/api/queries/products/${productId}`, etag: `"${row.version}"` },
    };
  };
}

/** `expectedVersion`: from If-Match; another present version is `precondition-failed`. */
export function updateProduct(
  principal: Principal,
  productId: string,
  input: Static<typeof UpdateProduct>,
  expectedVersion: number | undefined,
): Command {
  return async (sql) => {
    const { version } = await lockProduct(sql, principal.tenantId, productId);
    if (expectedVersion !== undefined && version !== expectedVersion) {
      throw new PlatformError('precondition-failed', `The product is at version ${version}.`, {
        context: { currentVersion: version },
      });
    }
    const row = await sql.first<ProductRow>(
      `update commerce.products set
         sku = coalesce($2::jsonb ->> 'sku', sku),
         name = coalesce($2::jsonb ->> 'name', name),
         description = case when $2::jsonb ? 'description' then $2::jsonb ->> 'description' else description end,
         status = coalesce($2::jsonb ->> 'status', status),
         category_id = case when $2::jsonb ? 'categoryId' then ($2::jsonb ->> 'categoryId')::uuid else category_id end,
         vendor_id = case when $2::jsonb ? 'vendorId' then ($2::jsonb ->> 'vendorId')::uuid else vendor_id end,
         base_price = coalesce(($2::jsonb ->> 'basePrice')::numeric, base_price),
         currency = coalesce($2::jsonb ->> 'currency', currency),
         weight = case when $2::jsonb ? 'weight' then ($2::jsonb ->> 'weight')::numeric else weight end,
         attributes = coalesce($2::jsonb -> 'attributes', attributes),
         dimensions = case when $2::jsonb ? 'dimensions' then nullif($2::jsonb -> 'dimensions', 'null') else dimensions end
       where product_id = $1
       returning ${productColumns}`,
      [productId, JSON.stringify(input)],
    );
    if (row === undefined) throw new PlatformError('internal', 'the update of a locked product found no row');
    await writeEvent(sql, productEvent(principal, 'ProductUpdated', { ...input, productId, version: row.version }));
    return { status: 200, body: row, headers: { etag: `"${row.version}"` } };
  };
}

async function insertVariants(
  sql: Sql,
  tenantId: string,
  productId: string,
  { variants = [] }: Static<typeof CreateProduct>,
): Promise<void> {
  if (variants.length === 0) return;
  await sql.run(
    `insert into commerce.product_variants (product_id, variant_id, sku, name, attributes, tenant_id)
     select $1, coalesce(v."variantId", uuidv7()), v.sku, v.name, coalesce(v.attributes, '{}'), $3
     from jsonb_to_recordset($2::jsonb) as v ("variantId" uuid, sku text, name text, attributes jsonb)`,
    [productId, JSON.stringify(variants), tenantId],
  );
}

async function insertImages(
  sql: Sql,
  tenantId: string,
  productId: string,
  { images = [] }: Static<typeof CreateProduct>,
): Promise<void> {
  if (images.length === 0) return;
  await sql.run(
    `insert into commerce.product_images (product_id, url, alt, position, tenant_id)
     select $1, i.image ->> 'url', i.image ->> 'alt', i.place - 1, $3
     from jsonb_array_elements($2::jsonb) with ordinality as i (image, place)`,
    [productId, JSON.stringify(images), tenantId],
  );
}

function productEvent(
  principal: Principal,
  eventType: 'ProductCreated' | 'ProductUpdated',
  payload: { readonly productId: string; readonly [member: string]: unknown },
) {
  return {
    tenantId: principal.tenantId,
    aggregateType: 'product',
    aggregateId: payload.productId,
    eventType,
    payload,
    actor: principal.subject,
  } as const;
}

function jsonOrNull(value: unknown): string | null {
  return value === undefined || value === null ? null : JSON.stringify(value);
}
