import type { Static } from '@fastify/type-provider-typebox';
import { PlatformError } from '@millrace/kernel/errors';
import type { Principal } from '@millrace/kernel/security';
import type { Sql } from '../database/database.ts';
import { wrongField } from '../problems/wrong-field.ts';
import { writeEvent } from './outbox.ts';
import type { Command } from './runner.ts';
import type { ChangeInventory } from './shapes.ts';

interface Level {
  readonly variantId: string;
  readonly warehouseId: string;
  readonly quantity: number;
  readonly reserved: number;
  readonly version: number;
}

const levelColumns = `variant_id as "variantId", warehouse_id as "warehouseId", quantity, reserved, version`;

/** Where a first level goes when the command names no warehouse and the shop has none yet. */
const FIRST_WAREHOUSE = { code: 'MAIN', name: 'Main warehouse' };

/**
 * Adds `delta` to one level: the named variant (else the default one) in the named warehouse (else where most is available, else the
 * first). Never below what is reserved: `insufficient-stock`. Answers the new level.
 */
export function changeInventory(
  principal: Principal,
  productId: string,
  input: Static<typeof ChangeInventory>,
): Command {
  const { tenantId } = principal;
  return async (sql) => {
    if (input.delta === 0) throw wrongField('delta', 'must not be 0');
    const variantId = await variantOf(sql, tenantId, productId, input.variantId);
    const current = await lockLevel(sql, productId, variantId, input.warehouseId);
    const level =
      current === undefined
        ? await firstLevel(sql, tenantId, productId, variantId, input)
        : await changedLevel(sql, productId, current, input.delta);
    const movement = sql.run(
      `insert into commerce.stock_movements (product_id, variant_id, warehouse_id, delta, kind, tenant_id)
       values ($1, $2, $3, $4, $5, $6)`,
      [productId, variantId, level.warehouseId, input.delta, input.reason ?? 'adjustment', tenantId],
    );
    const body = { productId, ...level, available: level.quantity - level.reserved, delta: input.delta };
    const event = writeEvent(sql, {
      tenantId,
      aggregateType: 'product',
      aggregateId: productId,
      eventType: 'InventoryChanged',
      payload: body,
      actor: principal.subject,
    });
    await Promise.all([movement, event]);
    return { status: 200, body };
  };
}

async function variantOf(sql: Sql, tenantId: string, productId: string, variantId?: string): Promise<string> {
  const row = await sql.first<{ variant: string | null }>(
    `select case when $3::uuid is null then commerce.default_variant_of(p.product_id) else
       (select v.variant_id from commerce.product_variants v where v.product_id = p.product_id and v.variant_id = $3) end as variant
     from commerce.products p where p.product_id = $1 and p.tenant_id = $2 for key share`,
    [productId, tenantId, variantId ?? null],
  );
  if (row === undefined) throw new PlatformError('not-found', 'There is no product with this id.');
  if (row.variant === null) throw wrongField('variantId', 'names no variant of this product');
  return row.variant;
}

function lockLevel(sql: Sql, productId: string, variantId: string, warehouseId?: string): Promise<Level | undefined> {
  return sql.first<Level & Record<string, unknown>>(
    `select ${levelColumns} from commerce.inventory
     where product_id = $1 and variant_id = $2 and ($3::uuid is null or warehouse_id = $3)
     order by quantity - reserved desc, warehouse_id limit 1 for no key update`,
    [productId, variantId, warehouseId ?? null],
  );
}

async function changedLevel(sql: Sql, productId: string, current: Level, delta: number): Promise<Level> {
  if (current.quantity + delta < current.reserved) {
    throw tooLittle(productId, current.variantId, -delta, current.quantity - current.reserved);
  }
  const row = await sql.first<Level & Record<string, unknown>>(
    `update commerce.inventory set quantity = quantity + $4
     where product_id = $1 and variant_id = $2 and warehouse_id = $3 returning ${levelColumns}`,
    [productId, current.variantId, current.warehouseId, delta],
  );
  if (row === undefined) throw new PlatformError('internal', 'the update of a locked level found no row');
  return row;
}

async function firstLevel(
  sql: Sql,
  tenantId: string,
  productId: string,
  variantId: string,
  { delta, warehouseId }: Static<typeof ChangeInventory>,
): Promise<Level> {
  if (delta < 0) throw tooLittle(productId, variantId, -delta, 0);
  const place = warehouseId ?? (await firstWarehouse(sql, tenantId));
  const row = await sql.first<Level & Record<string, unknown>>(
    `insert into commerce.inventory (product_id, variant_id, warehouse_id, quantity, tenant_id) values ($1, $2, $3, $4, $5)
     on conflict (product_id, variant_id, warehouse_id) do update set quantity = inventory.quantity + $4
     returning ${levelColumns}`,
    [productId, variantId, place, delta, tenantId],
  );
  if (row === undefined) throw new PlatformError('internal', 'the insert of a level returned no row');
  return row;
}

async function firstWarehouse(sql: Sql, tenantId: string): Promise<string> {
  const find = () =>
    sql.first<{ id: string }>(
      'select warehouse_id as id from commerce.warehouses where tenant_id = $1 order by code limit 1',
      [tenantId],
    );
  const found = await find();
  if (found !== undefined) return found.id;
  await sql.run(
    'insert into commerce.warehouses (code, name, tenant_id) values ($1, $2, $3) on conflict (tenant_id, code) do nothing',
    [FIRST_WAREHOUSE.code, FIRST_WAREHOUSE.name, tenantId],
  );
  const made = await find();
  if (made === undefined) throw new PlatformError('conflict', 'The warehouse was just removed: try again.');
  return made.id;
}

function tooLittle(productId: string, variantId: string, requested: number, available: number): PlatformError {
  return new PlatformError('insufficient-stock', `Only ${available} available, ${requested} asked for.`, {
    context: { items: [{ productId, variantId, requested, available }] },
  });
}
