import type { Change, Row } from '@millrace/schemas/cdc';
import { identity, integer, isoTime, microseconds, optionalText, text, without } from '../../fields/index.ts';
import type { Context } from '../../runtime/index.ts';
import { defineProcessor, keyedStore, rowsOf } from '../../runtime/index.ts';
import { stockView } from './stock.ts';
import type { ProductStock } from './stock.ts';

const stores = { products: keyedStore<ProductStock>() };
type Ctx = Context<typeof stores>;

const empty: ProductStock = { tenantId: null, variants: [], levels: {} };

/**
 * Stock per product, variant and warehouse (`stock:<productId>`, for every product, zeros where it has no inventory rows), and each movement
 * as a fact of its own (`movement:<movementId>`). Reserved comes from the inventory row, which the reservations keep.
 */
export const inventory = defineProcessor({
  name: 'inventory',
  output: 'views.inventory',
  stateVersion: 1,
  inputs: [rowsOf('cdc.catalog', 'products', 'product_variants', 'inventory', 'stock_movements')],
  stores,

  apply(change, ctx) {
    if (change.op === 't') {
      truncate(change.table, ctx);
      return;
    }
    handlers[change.table]?.(change, ctx);
  },

  emit(productId, ctx) {
    const product = ctx.stores.products.get(productId);
    ctx.put('stock', productId, product?.tenantId == null ? null : stockView(productId, product.tenantId, product));
  },
});

const handlers: Readonly<Record<string, (change: Change, ctx: Ctx) => void>> = {
  products: onProduct,
  product_variants: onVariant,
  inventory: onLevel,
  stock_movements: onMovement,
};

function onProduct(change: Change, ctx: Ctx): void {
  const { gone, row } = identity(change, 'product_id');
  if (gone !== null) {
    const id = text(gone, 'product_id');
    ctx.stores.products.delete(id);
    ctx.touch(id);
  }
  if (row === null) return;
  const id = text(row, 'product_id');
  const held = ctx.stores.products.get(id);
  const tenantId = text(row, 'tenant_id');
  // Other columns of the product are of no concern here; a row that is read again mends what follows, so it is shown again.
  if (held?.tenantId === tenantId && change.op !== 'r') return;
  ctx.stores.products.set(id, { ...(held ?? empty), tenantId });
  ctx.touch(id);
}

function onVariant(change: Change, ctx: Ctx): void {
  const { gone, row } = identity(change, 'product_id', 'variant_id');
  if (gone !== null) {
    const variantId = text(gone, 'variant_id');
    update(ctx, gone, (held) => ({ ...held, variants: held.variants.filter((id) => id !== variantId) }));
  }
  if (row !== null) {
    const variantId = text(row, 'variant_id');
    if (ctx.stores.products.get(text(row, 'product_id'))?.variants.includes(variantId) === true) return;
    update(ctx, row, (held) => ({ ...held, variants: [...held.variants, variantId].sort() }));
  }
}

const levelKey = (row: Row): string => `${text(row, 'variant_id')}/${text(row, 'warehouse_id')}`;

function onLevel(change: Change, ctx: Ctx): void {
  const { gone, row } = identity(change, 'product_id', 'variant_id', 'warehouse_id');
  if (gone !== null) {
    const key = levelKey(gone);
    update(ctx, gone, (held) => ({ ...held, levels: without(held.levels, key) }));
  }
  if (row !== null) {
    const key = levelKey(row);
    const level = [integer(row, 'quantity'), integer(row, 'reserved'), integer(row, 'low_stock_threshold')] as const;
    update(ctx, row, (held) => ({ ...held, levels: { ...held.levels, [key]: level } }));
  }
}

function onMovement(change: Change, ctx: Ctx): void {
  const { gone, row } = identity(change, 'product_id', 'movement_id');
  if (gone !== null) ctx.put('movement', text(gone, 'movement_id'), null);
  if (row === null) return;
  const movementId = text(row, 'movement_id');
  ctx.put('movement', movementId, {
    tenantId: text(row, 'tenant_id'),
    productId: text(row, 'product_id'),
    movementId,
    variantId: text(row, 'variant_id'),
    warehouseId: text(row, 'warehouse_id'),
    delta: integer(row, 'delta'),
    kind: text(row, 'kind'),
    orderId: optionalText(row, 'order_id'),
    at: isoTime(microseconds(row, 'created_at')),
  });
}

function update(ctx: Ctx, row: Row, change: (held: ProductStock) => ProductStock): void {
  const id = text(row, 'product_id');
  const next = change(ctx.stores.products.get(id) ?? empty);
  // What is left of a product that is gone, after its last row: nothing.
  const isGone = next.tenantId === null && next.variants.length === 0 && Object.keys(next.levels).length === 0;
  if (isGone) ctx.stores.products.delete(id);
  else ctx.stores.products.set(id, next);
  ctx.touch(id);
}

/** Movements are facts without state: the ones written before a truncate stay. */
function truncate(table: string, ctx: Ctx): void {
  if (table === 'stock_movements') return;
  for (const id of ctx.stores.products.keys()) {
    const held = ctx.stores.products.get(id);
    if (held === undefined) continue;
    if (table === 'products') ctx.stores.products.delete(id);
    else if (table === 'product_variants') ctx.stores.products.set(id, { ...held, variants: [] });
    else ctx.stores.products.set(id, { ...held, levels: {} });
    ctx.touch(id);
  }
}
