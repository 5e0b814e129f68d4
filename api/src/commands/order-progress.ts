import type { Static } from '@fastify/type-provider-typebox';
import { PlatformError } from '@millrace/kernel/errors';
import { hasRole } from '@millrace/kernel/security';
import type { Principal } from '@millrace/kernel/security';
import type { Sql } from '../database/database.ts';
import type { Allocation } from './allocation.ts';
import { mayFollow, roadTo } from './order-status.ts';
import type { OrderStatus } from './order-status.ts';
import { writeEvent } from './outbox.ts';
import { moveStock } from './place-order.ts';
import type { Command } from './runner.ts';
import type { AdvanceOrder, RecordPayment, RecordShipment } from './shapes.ts';

interface LockedOrder {
  readonly orderId: string;
  readonly status: OrderStatus;
  readonly customerId: string | null;
  readonly currency: string;
  readonly totalAmount: string;
}

/** Cancels an order that has not left yet and gives its stock back to where it came from. A customer may cancel only their own. */
export function cancelOrder(principal: Principal, orderId: string, reason: string | undefined): Command {
  return async (sql) => {
    const order = await lockOrder(sql, principal, orderId);
    await takeStatus(sql, order, 'cancelled', reason);
    const restocked = await restock(sql, principal.tenantId, orderId);
    const body = { orderId, status: 'cancelled', restocked };
    await writeEvent(sql, orderEvent(principal, 'OrderCancelled', { ...body, reason }));
    return { status: 200, body };
  };
}

/** One step along the allowed transitions; `cancelled` restocks as `cancelOrder` does. */
export function advanceOrder(principal: Principal, orderId: string, input: Static<typeof AdvanceOrder>): Command {
  if (input.status === 'cancelled') return cancelOrder(principal, orderId, input.reason);
  return async (sql) => {
    const order = await lockOrder(sql, principal, orderId);
    await takeStatus(sql, order, input.status, input.reason);
    const body = { orderId, status: input.status, previousStatus: order.status };
    await writeEvent(sql, orderEvent(principal, 'OrderStatusChanged', body));
    return { status: 200, body };
  };
}

/** Records a payment; a completed one (the default) takes the order to `paid`. */
export function recordPayment(principal: Principal, orderId: string, input: Static<typeof RecordPayment>): Command {
  return async (sql) => {
    const order = await lockOrder(sql, principal, orderId);
    const status = input.status ?? 'completed';
    const payment = await sql.first<Record<string, unknown>>(
      `insert into commerce.payments (order_id, provider, provider_ref, status, amount, currency, tenant_id)
       values ($1, $2, $3, $4, $5, $6, $7)
       returning order_id as "orderId", payment_id as "paymentId", provider, status as "paymentStatus", amount, currency`,
      [
        orderId,
        input.provider,
        input.providerRef ?? null,
        status,
        input.amount ?? order.totalAmount,
        order.currency,
        principal.tenantId,
      ],
    );
    const reached = status === 'completed' ? await travelTo(sql, order, 'paid') : order.status;
    const body = { ...payment, orderId, status: reached };
    await writeEvent(sql, orderEvent(principal, 'PaymentRecorded', body));
    return { status: 201, body };
  };
}

/** Records a parcel on its way and takes a paid order to `shipped`. */
export function recordShipment(principal: Principal, orderId: string, input: Static<typeof RecordShipment>): Command {
  return async (sql) => {
    const order = await lockOrder(sql, principal, orderId);
    if (order.status !== 'paid' && order.status !== 'fulfilling') throw notAllowed(order.status, 'shipped');
    const shipment = await sql.first<Record<string, unknown>>(
      `insert into commerce.shipments (order_id, status, carrier, tracking, shipped_at, tenant_id)
       values ($1, 'shipped', $2, $3, now(), $4)
       returning order_id as "orderId", shipment_id as "shipmentId", carrier, tracking`,
      [orderId, input.carrier ?? null, input.tracking ?? null, principal.tenantId],
    );
    const body = { ...shipment, orderId, status: await travelTo(sql, order, 'shipped') };
    await writeEvent(sql, orderEvent(principal, 'OrderShipped', body));
    return { status: 201, body };
  };
}

/** The order's row is its lock. Levels are locked after it, never before. Someone else's is `forbidden`. */
async function lockOrder(sql: Sql, principal: Principal, orderId: string): Promise<LockedOrder> {
  const order = await sql.first<LockedOrder & Record<string, unknown>>(
    `select order_id as "orderId", status, customer_id as "customerId", currency, total_amount as "totalAmount"
     from commerce.orders where order_id = $1 and tenant_id = $2 for no key update`,
    [orderId, principal.tenantId],
  );
  if (order === undefined) throw new PlatformError('not-found', 'There is no order with this id.');
  if (!hasRole(principal, 'admin') && order.customerId !== principal.customerId) {
    throw new PlatformError('forbidden', 'This order is someone else’s.');
  }
  return order;
}

async function takeStatus(sql: Sql, order: LockedOrder, to: OrderStatus, reason?: string): Promise<void> {
  if (!mayFollow(order.status, to)) throw notAllowed(order.status, to);
  await sql.run(
    `with changed as (update commerce.orders set status = $3 where order_id = $1 returning tenant_id)
     insert into commerce.order_status_history (order_id, from_status, to_status, at, reason, tenant_id)
     select $1, $2, $3, clock_timestamp(), $4, tenant_id from changed`,
    [order.orderId, order.status, to, reason ?? null],
  );
}

async function travelTo(sql: Sql, order: LockedOrder, to: OrderStatus): Promise<OrderStatus> {
  const steps = roadTo(order.status, to);
  if (steps === null) throw notAllowed(order.status, to);
  let at = order;
  for (const step of steps) {
    await takeStatus(sql, at, step);
    at = { ...at, status: step };
  }
  return at.status;
}

async function restock(sql: Sql, tenantId: string, orderId: string): Promise<Allocation[]> {
  const taken = await sql.rows<Allocation & Record<string, unknown>>(
    `with taken as (
       select product_id, variant_id, warehouse_id, -sum(delta)::int as quantity from commerce.stock_movements
       where order_id = $1 group by product_id, variant_id, warehouse_id having sum(delta) < 0)
     select i.product_id as "productId", i.variant_id as "variantId", i.warehouse_id as "warehouseId", t.quantity
     from commerce.inventory i join taken t using (product_id, variant_id, warehouse_id)
     order by i.product_id, i.variant_id, i.warehouse_id for no key update of i`,
    [orderId],
  );
  if (taken.length > 0) {
    await moveStock(sql, { tenantId, orderId, kind: 'cancellation', sign: 1, allocations: taken });
  }
  return taken;
}

function notAllowed(from: OrderStatus, to: OrderStatus): PlatformError {
  return new PlatformError('conflict', `An order that is ${from} cannot become ${to}.`, {
    context: { currentStatus: from },
  });
}

function orderEvent(
  principal: Principal,
  eventType: 'OrderCancelled' | 'OrderStatusChanged' | 'PaymentRecorded' | 'OrderShipped',
  payload: { readonly orderId: string; readonly [member: string]: unknown },
) {
  return {
    tenantId: principal.tenantId,
    aggregateType: 'order',
    aggregateId: payload.orderId,
    eventType,
    payload,
    actor: principal.subject,
  } as const;
}
