import { lsnText } from '@millrace/kernel/position';
import type { Change } from '@millrace/schemas/cdc';
import type { StockView } from '@millrace/schemas/views';
import { identity, integer, isoTime, microseconds, text, without } from '../../fields/index.ts';
import { defineProcessor, rowsOf } from '../../runtime/index.ts';
import { levelKey, onMovement, withLevel } from './movements.ts';
import { nextDay } from './sales.ts';
import { nextExpiry, stockView } from './stock.ts';
import type { ProductStock } from './stock.ts';
import { noStock, stores, update } from './stores.ts';
import type { Ctx } from './stores.ts';
import { transitionOf } from './transitions.ts';

/**
 * Stock per product, variant and warehouse (`stock:<productId>`, for every product, zeros where it has no inventory rows), each movement as a fact
 * of its own (`movement:<movementId>`), and each turn of a product's stock (`stockevent:<productId>/<position>/<name>`), which follow into
 * `events.inventory`. Reserved comes from the inventory row, less what its reservations no longer hold as of stream time.
 */
export const inventory = defineProcessor({
  name: 'inventory',
  output: 'views.inventory',
  stateVersion: 2,
  inputs: [rowsOf('cdc.catalog', 'products', 'product_variants', 'inventory', 'stock_movements', 'reservations')],
  stores,

  apply(change, ctx) {
    if (change.op === 't') {
      truncate(change.table, ctx);
      return;
    }
    handlers[change.table]?.(change, ctx);
  },

  onTimer(productId, ctx) {
    ctx.touch(productId);
  },

  emit(productId, ctx) {
    const held = ctx.stores.products.get(productId);
    if (held?.tenantId == null) {
      ctx.clearTimer(productId);
      ctx.put('stock', productId, null);
      return;
    }
    const nowUs = ctx.streamTimeUs;
    const view = stockView(productId, held.tenantId, held, nowUs);
    ctx.put('stock', productId, view);
    tellTurns(productId, held, view, ctx);
    const dueUs = Math.min(nextExpiry(held, nowUs) ?? Infinity, nextDay(held.sales, productId, nowUs) ?? Infinity);
    if (dueUs === Infinity) ctx.clearTimer(productId);
    else ctx.setTimer(productId, dueUs);
  },
});

/** A product that has no levels yet has no status to turn from. */
function tellTurns(productId: string, held: ProductStock, view: Required<StockView>, ctx: Ctx): void {
  const shown = Object.keys(held.levels).length === 0 ? null : view.status;
  const wasFlagged = held.alarmed;
  const isFlagged = view.flags.length > 0;
  if (shown === held.shown && wasFlagged === isFlagged) return;
  ctx.stores.products.set(productId, { ...held, shown, alarmed: isFlagged });
  const names = [transitionOf(held.shown, shown), isFlagged && !wasFlagged ? ('StockMismatch' as const) : null];
  for (const name of names) {
    if (name === null) continue;
    ctx.put('stockevent', `${productId}/${lsnText(ctx.lsn)}/${name}`, {
      tenantId: view.tenantId,
      productId,
      name,
      status: view.status,
      previousStatus: held.shown,
      onHand: view.onHand,
      reserved: view.reserved,
      available: view.available,
      lowStockThreshold: view.lowStockThreshold,
      unexplained: view.unexplained,
      at: isoTime(ctx.streamTimeUs),
    });
  }
}

const handlers: Readonly<Record<string, (change: Change, ctx: Ctx) => void>> = {
  products: onProduct,
  product_variants: onVariant,
  inventory: onLevel,
  stock_movements: onMovement,
  reservations: onReservation,
};

function onProduct(change: Change, ctx: Ctx): void {
  const { gone, row } = identity(change, 'product_id');
  if (gone !== null) {
    const id = text(gone, 'product_id');
    ctx.stores.products.delete(id);
    ctx.touch(id);
  }
  if (row === null) return;
  const tenantId = text(row, 'tenant_id');
  // Other columns of the product are of no concern here; a row that is read again mends what follows, so it is shown again.
  if (ctx.stores.products.get(text(row, 'product_id'))?.tenantId === tenantId && change.op !== 'r') return;
  update(ctx, row, (held) => ({ ...held, tenantId }));
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

function onLevel(change: Change, ctx: Ctx): void {
  const { gone, row } = identity(change, 'product_id', 'variant_id', 'warehouse_id');
  if (gone !== null) {
    const key = levelKey(gone);
    update(ctx, gone, (held) => ({
      ...held,
      levels: without(held.levels, key),
      unexplained: without(held.unexplained, key),
    }));
  }
  if (row === null) return;
  const level = [integer(row, 'quantity'), integer(row, 'reserved'), integer(row, 'low_stock_threshold')] as const;
  update(ctx, row, (held) => withLevel(held, levelKey(row), level, ctx, change.op));
}

function onReservation(change: Change, ctx: Ctx): void {
  const { gone, row } = identity(change, 'product_id', 'reservation_id');
  if (gone !== null) {
    const id = text(gone, 'reservation_id');
    update(ctx, gone, (held) => ({ ...held, reservations: without(held.reservations, id) }));
  }
  if (row === null) return;
  const id = text(row, 'reservation_id');
  const isActive = text(row, 'state') === 'active' && row['expires_at'] !== Infinity;
  const reservation = isActive
    ? { level: levelKey(row), quantity: integer(row, 'quantity'), expiresUs: microseconds(row, 'expires_at') }
    : null;
  update(ctx, row, (held) => ({
    ...held,
    reservations: reservation === null ? without(held.reservations, id) : { ...held.reservations, [id]: reservation },
  }));
}

const emptied: Readonly<Record<string, Partial<ProductStock>>> = {
  products: { tenantId: null },
  product_variants: { variants: [] },
  inventory: { levels: {}, unexplained: {} },
  reservations: { reservations: {} },
};

/** Movements are facts: the ones written before a truncate stay. */
function truncate(table: string, ctx: Ctx): void {
  const patch = emptied[table];
  if (patch === undefined) return;
  for (const id of ctx.stores.products.keys()) {
    const held = ctx.stores.products.get(id) ?? noStock;
    if (table === 'products') ctx.stores.products.delete(id);
    else ctx.stores.products.set(id, { ...held, ...patch });
    ctx.touch(id);
  }
}
