import { lsnText } from '@millrace/kernel/position';
import type { Change, Row } from '@millrace/schemas/cdc';
import { identity, integer, isoTime, microseconds, optionalText, text, without } from '../../fields/index.ts';
import { withMovement } from './sales.ts';
import type { Level, ProductStock } from './stock.ts';
import { update } from './stores.ts';
import type { Ctx } from './stores.ts';

export const levelKey = (row: Row): string => `${text(row, 'variant_id')}/${text(row, 'warehouse_id')}`;

/**
 * A level's new quantity, and by how much it differs from the old one: that is what movements must say. A level that begins, or is read
 * again, is taken as it is.
 */
export function withLevel(held: ProductStock, key: string, level: Level, ctx: Ctx, op: Change['op']): ProductStock {
  const before = held.levels[key];
  const levels = { ...held.levels, [key]: level };
  if (before !== undefined && op !== 'r') return explained({ ...held, levels }, key, level[0] - before[0]);
  const lsn = lsnText(ctx.lsn);
  const begun = { lsn, levels: [...(held.begun?.lsn === lsn ? held.begun.levels : []), key] };
  return { ...held, levels, begun, unexplained: without(held.unexplained, key) };
}

/** A movement is a fact of its own, counts as a sale, and explains what its level changed by. */
export function onMovement(change: Change, ctx: Ctx): void {
  const { gone, row } = identity(change, 'product_id', 'movement_id');
  if (gone !== null) ctx.put('movement', text(gone, 'movement_id'), null);
  if (row === null) return;
  const productId = text(row, 'product_id');
  const movement = {
    tenantId: text(row, 'tenant_id'),
    productId,
    movementId: text(row, 'movement_id'),
    variantId: text(row, 'variant_id'),
    warehouseId: text(row, 'warehouse_id'),
    delta: integer(row, 'delta'),
    kind: text(row, 'kind'),
    orderId: optionalText(row, 'order_id'),
  };
  const atUs = microseconds(row, 'created_at');
  ctx.put('movement', movement.movementId, { ...movement, at: isoTime(atUs) });
  // Facts count once: when they are written, or where they are part of the first snapshot.
  if (change.op !== 'c' && !(change.op === 'r' && isFirstSnapshot(ctx))) return;
  const key = levelKey(row);
  update(ctx, row, (held) => {
    const next = { ...held, sales: withMovement(held.sales, productId, { ...movement, atUs }, ctx.streamTimeUs) };
    const begins = held.begun?.lsn === lsnText(ctx.lsn) && held.begun.levels.includes(key);
    return change.op === 'r' || begins ? next : explained(next, key, -movement.delta);
  });
}

function isFirstSnapshot(ctx: Ctx): boolean {
  const lsn = lsnText(ctx.lsn);
  const first = ctx.stores.first.get('snapshot');
  if (first === undefined) ctx.stores.first.set('snapshot', lsn);
  return first === undefined || first === lsn;
}

function explained(held: ProductStock, key: string, units: number): ProductStock {
  const left = (held.unexplained[key] ?? 0) + units;
  const unexplained = left === 0 ? without(held.unexplained, key) : { ...held.unexplained, [key]: left };
  return { ...held, unexplained };
}
