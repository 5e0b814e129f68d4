import type { Static } from '@fastify/type-provider-typebox';
import { PlatformError } from '@millrace/kernel/errors';
import { hasRole } from '@millrace/kernel/security';
import type { Principal } from '@millrace/kernel/security';
import type { Sql } from '../database/database.ts';
import { effectivePriceLateral } from '../database/price-sql.ts';
import type { FieldError } from '../problems/validation.ts';
import { wrongField } from '../problems/wrong-field.ts';
import { allocate, totalDemand } from './allocation.ts';
import type { Allocation, Availability } from './allocation.ts';
import { orderCart } from './carts.ts';
import { writeEvent } from './outbox.ts';
import type { Command } from './runner.ts';
import type { PlaceOrder } from './shapes.ts';

type Items = Static<typeof PlaceOrder>['items'];

interface Line {
  readonly productId: string;
  readonly variantId: string;
  readonly vendorId: string | null;
  readonly name: string;
  readonly quantity: number;
  readonly unitPrice: string;
  readonly totalPrice: string;
}

interface OfferedLine extends Omit<Line, 'productId' | 'variantId' | 'name' | 'unitPrice' | 'totalPrice'> {
  readonly place: number;
  readonly productId: string | null;
  readonly variantId: string | null;
  readonly name: string | null;
  readonly status: string | null;
  readonly currency: string | null;
  readonly unitPrice: string | null;
  readonly totalPrice: string | null;
}

/**
 * Places an order, whole or not at all: lines at today's prices, stock taken, movements, first status and event in one transaction.
 * Levels are locked in the order of their keys, so that buyers of the same things take turns and never wait for each other in a circle.
 * Throws `insufficient-stock` naming each variant that falls short.
 */
export function placeOrder(principal: Principal, input: Static<typeof PlaceOrder>): Command {
  const { tenantId } = principal;
  const customerId = buyer(principal, input.customerId?.toLowerCase());
  return async (sql) => {
    if (input.cartId !== undefined) await orderCart(sql, principal, input.cartId);
    const { lines, currency } = await priced(sql, tenantId, input.items);
    const allocations = await take(sql, lines);
    const order = await sql.first<{ orderId: string } & Record<string, unknown>>(
      `insert into commerce.orders (customer_id, currency, subtotal, shipping_address, tenant_id)
       select $1, $2, sum((l ->> 'totalPrice')::numeric), $4, $5 from jsonb_array_elements($3::jsonb) l
       returning order_id as "orderId", order_number as "orderNumber", customer_id as "customerId", status, currency, subtotal,
         discount_amount as "discountAmount", tax_amount as "taxAmount", shipping_amount as "shippingAmount",
         total_amount as "totalAmount", placed_at as "placedAt", version`,
      [
        customerId,
        currency,
        JSON.stringify(lines),
        input.shippingAddress === undefined ? null : JSON.stringify(input.shippingAddress),
        tenantId,
      ],
    );
    if (order === undefined) throw new PlatformError('internal', 'the insert of an order returned no row');
    const body = { ...order, items: lines };
    const written = writeLines(sql, tenantId, order.orderId, lines, allocations);
    const event = writeEvent(sql, {
      tenantId,
      aggregateType: 'order',
      aggregateId: order.orderId,
      eventType: 'OrderCreated',
      payload: body,
      actor: principal.subject,
    });
    await Promise.all([written, event]);
    return { status: 201, body, headers: { location: `/api/queries/orders/${order.orderId}` } };
  };
}

/** Customers buy for themselves; admins say for whom. */
function buyer(principal: Principal, customerId: string | undefined): string {
  if (hasRole(principal, 'admin')) {
    if (customerId === undefined) throw wrongField('customerId', 'is required');
    return customerId;
  }
  if (principal.customerId === undefined || (customerId ?? principal.customerId) !== principal.customerId) {
    throw new PlatformError('forbidden', 'A customer orders only for themselves.');
  }
  return principal.customerId;
}

async function priced(sql: Sql, tenantId: string, items: Items): Promise<{ lines: Line[]; currency: string }> {
  const offered = await sql.rows<OfferedLine & Record<string, unknown>>(
    `select i.place::int as place, p.product_id as "productId", v.variant_id as "variantId", p.vendor_id as "vendorId", p.name,
       p.status, (i.item ->> 'quantity')::int as quantity, price.currency, price.amount as "unitPrice",
       price.amount * (i.item ->> 'quantity')::int as "totalPrice"
     from jsonb_array_elements($1::jsonb) with ordinality as i (item, place)
     left join commerce.products p on p.product_id = (i.item ->> 'productId')::uuid and p.tenant_id = $2
     left join commerce.product_variants v on v.product_id = p.product_id
       and v.variant_id = coalesce((i.item ->> 'variantId')::uuid, commerce.default_variant_of(p.product_id))
     left join ${effectivePriceLateral} on p.product_id is not null
     order by i.place`,
    [JSON.stringify(items), tenantId],
  );
  const currency = offered[0]?.currency ?? 'USD';
  const errors = offered.flatMap((line) => objection(line, currency));
  if (errors.length > 0) {
    const detail = errors.map(({ field, message }) => `${field} ${message}`).join('; ');
    throw new PlatformError('validation-failed', `${detail}.`, { context: { errors } });
  }
  return { lines: offered.map(asLine), currency };
}

function objection(line: OfferedLine, currency: string): FieldError[] {
  const at = `items.${line.place - 1}`;
  if (line.productId === null) return [{ field: `${at}.productId`, message: 'names no product' }];
  if (line.status !== 'active') return [{ field: `${at}.productId`, message: 'names a product that is not for sale' }];
  if (line.variantId === null) {
    return [{ field: `${at}.variantId`, message: 'names no variant of this product' }];
  }
  if (line.currency !== currency) {
    return [
      { field: `${at}.productId`, message: `is priced in ${line.currency ?? 'nothing'}, the order in ${currency}` },
    ];
  }
  return [];
}

function asLine({ productId, variantId, vendorId, name, quantity, unitPrice, totalPrice }: OfferedLine): Line {
  if (productId === null || variantId === null || name === null || unitPrice === null || totalPrice === null) {
    throw new PlatformError('internal', 'a line was taken without its product');
  }
  return { productId, variantId, vendorId, name, quantity, unitPrice, totalPrice };
}

/** Locks the levels and decides from where each line is served. */
async function take(sql: Sql, lines: readonly Line[]): Promise<Allocation[]> {
  const demands = totalDemand(lines);
  const levels = await sql.rows<Availability & Record<string, unknown>>(
    `select product_id as "productId", variant_id as "variantId", warehouse_id as "warehouseId", quantity - reserved as available
     from commerce.inventory
     where (product_id, variant_id) in (select * from unnest($1::uuid[], $2::uuid[]))
     order by product_id, variant_id, warehouse_id for no key update`,
    [demands.map((demand) => demand.productId), demands.map((demand) => demand.variantId)],
  );
  const { allocations, shortages } = allocate(demands, levels);
  if (shortages.length > 0) {
    const what = shortages.length === 1 ? '1 item' : `${shortages.length} items`;
    throw new PlatformError('insufficient-stock', `Not enough stock for ${what}.`, { context: { items: shortages } });
  }
  return allocations;
}

async function writeLines(
  sql: Sql,
  tenantId: string,
  orderId: string,
  lines: readonly Line[],
  allocations: readonly Allocation[],
): Promise<void> {
  const items = sql.run(
    `insert into commerce.order_items (order_id, product_id, variant_id, vendor_id, name, quantity, unit_price, total_price, tenant_id)
     select $1, l."productId", l."variantId", l."vendorId", l.name, l.quantity, l."unitPrice", l."totalPrice", $3
     from jsonb_to_recordset($2::jsonb) as l ("productId" uuid, "variantId" uuid, "vendorId" uuid, name text, quantity int,
       "unitPrice" numeric, "totalPrice" numeric)`,
    [orderId, JSON.stringify(lines), tenantId],
  );
  const status = sql.run(
    `insert into commerce.order_status_history (order_id, to_status, at, tenant_id) values ($1, 'pending', now(), $2)`,
    [orderId, tenantId],
  );
  const moved = moveStock(sql, { tenantId, orderId, kind: 'sale', sign: -1, allocations });
  await Promise.all([items, status, moved]);
}

/** Changes locked levels and records the movements. `sign` −1 takes, +1 gives back. */
export async function moveStock(
  sql: Sql,
  move: {
    readonly tenantId: string;
    readonly orderId: string;
    readonly kind: 'sale' | 'cancellation';
    readonly sign: 1 | -1;
    readonly allocations: readonly Allocation[];
  },
): Promise<void> {
  await sql.run(
    `with moved as (
       select "productId" as product_id, "variantId" as variant_id, "warehouseId" as warehouse_id, quantity * $2::int as delta
       from jsonb_to_recordset($1::jsonb) as a ("productId" uuid, "variantId" uuid, "warehouseId" uuid, quantity int)),
     changed as (
       update commerce.inventory i set quantity = i.quantity + m.delta from moved m
       where i.product_id = m.product_id and i.variant_id = m.variant_id and i.warehouse_id = m.warehouse_id)
     insert into commerce.stock_movements (product_id, variant_id, warehouse_id, delta, kind, order_id, tenant_id)
     select product_id, variant_id, warehouse_id, delta, $3, $4, $5 from moved`,
    [JSON.stringify(move.allocations), move.sign, move.kind, move.orderId, move.tenantId],
  );
}
