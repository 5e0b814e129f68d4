import type { Static } from '@fastify/type-provider-typebox';
import { PlatformError } from '@millrace/kernel/errors';
import { hasRole } from '@millrace/kernel/security';
import type { Principal } from '@millrace/kernel/security';
import type { Sql } from '../database/database.ts';
import { wrongField } from '../problems/wrong-field.ts';
import type { Command } from './runner.ts';
import type { ChangeCart } from './shapes.ts';

/** Lines of one cart, and units of one line. */
const MOST_LINES = 200;
const MOST_UNITS = 100_000;

interface Place {
  readonly productId: string;
  readonly variantId: string;
}

/** Puts so many more of a variant into the cart, or makes them so many; none: takes the line out. A cart begins with its first line. */
export function changeCart(
  principal: Principal,
  cartId: string,
  input: Static<typeof ChangeCart>,
  how: 'add' | 'set',
): Command {
  return async (sql) => {
    if (how === 'add' && input.quantity === 0) throw wrongField('quantity', 'must be above 0');
    await openCart(sql, principal, cartId, input.customerId?.toLowerCase());
    const place = await offered(sql, principal.tenantId, input);
    if (input.quantity === 0) await takeOut(sql, cartId, place);
    else await putIn(sql, principal.tenantId, cartId, place, input.quantity, how);
    return { status: how === 'add' ? 201 : 200, body: await cartOf(sql, cartId) };
  };
}

/** Takes everything out of the cart. */
export function emptyCart(principal: Principal, cartId: string): Command {
  return async (sql) => {
    await lockCart(sql, principal, cartId);
    await sql.run('delete from commerce.cart_items where cart_id = $1', [cartId]);
    return { status: 200, body: await cartOf(sql, cartId) };
  };
}

/** Ends a cart with the order that is placed from it, in the order's transaction. */
export async function orderCart(sql: Sql, principal: Principal, cartId: string): Promise<void> {
  await lockCart(sql, principal, cartId);
  await sql.run(`update commerce.carts set status = 'ordered' where cart_id = $1`, [cartId]);
}

async function openCart(sql: Sql, principal: Principal, cartId: string, wanted: string | undefined): Promise<void> {
  const { tenantId, customerId = hasRole(principal, 'admin') ? wanted : undefined } = principal;
  if (customerId === undefined && !hasRole(principal, 'admin')) throw someoneElses();
  await sql.run(
    'insert into commerce.carts (cart_id, customer_id, tenant_id) values ($1, $2, $3) on conflict (cart_id) do nothing',
    [cartId, customerId ?? null, tenantId],
  );
  await lockCart(sql, principal, cartId);
}

/** Whoever changes one cart takes turns. Throws `not-found`, `forbidden`, and `conflict` for one that is no longer open. */
async function lockCart(sql: Sql, principal: Principal, cartId: string): Promise<void> {
  const cart = await sql.first<{ customer_id: string | null; status: string }>(
    'select customer_id, status from commerce.carts where cart_id = $1 and tenant_id = $2 for no key update',
    [cartId, principal.tenantId],
  );
  if (cart === undefined) throw new PlatformError('not-found', 'There is no cart with this id.');
  if (!hasRole(principal, 'admin') && cart.customer_id !== principal.customerId) throw someoneElses();
  if (cart.status !== 'active') throw new PlatformError('conflict', `This cart is ${cart.status}: begin another.`);
}

async function offered(sql: Sql, tenantId: string, input: Static<typeof ChangeCart>): Promise<Place> {
  const product = await sql.first<{ status: string; variant_id: string | null }>(
    `select p.status, v.variant_id from commerce.products p
     left join commerce.product_variants v
       on v.product_id = p.product_id and v.variant_id = coalesce($2, commerce.default_variant_of(p.product_id))
     where p.product_id = $1 and p.tenant_id = $3`,
    [input.productId, input.variantId ?? null, tenantId],
  );
  if (product === undefined) throw wrongField('productId', 'names no product');
  // What is no longer for sale can still be taken out.
  if (product.status !== 'active' && input.quantity > 0) {
    throw wrongField('productId', 'names a product that is not for sale');
  }
  if (product.variant_id === null) throw wrongField('variantId', 'names no variant of this product');
  return { productId: input.productId, variantId: product.variant_id };
}

async function putIn(
  sql: Sql,
  tenantId: string,
  cartId: string,
  { productId, variantId }: Place,
  quantity: number,
  how: 'add' | 'set',
): Promise<void> {
  const line = await sql.first<{ quantity: number; lines: number; begun: boolean }>(
    `insert into commerce.cart_items as line (cart_id, product_id, variant_id, quantity, tenant_id) values ($1, $2, $3, $4, $5)
     on conflict (cart_id, product_id, variant_id)
       do update set quantity = excluded.quantity + case when $6 then line.quantity else 0 end
     returning quantity, xmax = 0 as begun, (select count(*)::int from commerce.cart_items where cart_id = $1) as lines`,
    [cartId, productId, variantId, quantity, tenantId, how === 'add'],
  );
  if (line === undefined) throw new PlatformError('internal', 'the insert of a cart line returned no row');
  if (line.quantity > MOST_UNITS) throw wrongField('quantity', `must not make more than ${MOST_UNITS} of one variant`);
  // Counted before this line was there.
  if (line.begun && line.lines >= MOST_LINES) {
    throw wrongField('productId', `must not be one more than the ${MOST_LINES} of a cart`);
  }
}

async function takeOut(sql: Sql, cartId: string, { productId, variantId }: Place): Promise<void> {
  await sql.run('delete from commerce.cart_items where cart_id = $1 and product_id = $2 and variant_id = $3', [
    cartId,
    productId,
    variantId,
  ]);
}

async function cartOf(sql: Sql, cartId: string): Promise<unknown> {
  return sql.first(
    `select c.cart_id as "cartId", c.customer_id as "customerId", c.status,
       coalesce(jsonb_agg(jsonb_build_object('productId', i.product_id, 'variantId', i.variant_id, 'quantity', i.quantity)
         order by i.product_id, i.variant_id) filter (where i.product_id is not null), '[]') as items,
       coalesce(sum(i.quantity), 0)::int as units
     from commerce.carts c left join commerce.cart_items i using (cart_id) where c.cart_id = $1 group by c.cart_id`,
    [cartId],
  );
}

function someoneElses(): PlatformError {
  return new PlatformError('forbidden', 'This cart is someone else’s.');
}
