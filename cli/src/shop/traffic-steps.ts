import { randomUUID } from 'node:crypto';
import type { Random } from './random.ts';
import type { Action } from './traffic-plan.ts';
import { nextStatus } from './traffic-target.ts';
import type { CartLine, Outcome, TrafficTarget, Visit } from './traffic-target.ts';
import type { World } from './traffic-world.ts';

/**
 * Does one change of the kind. Whatever is random about it is drawn before the first wait. Where the world has nothing to do
 * it to (no open order, no tag to take away), an order is placed, or a tag set, instead.
 */
export function perform(action: Action, target: TrafficTarget, world: World, random: Random): Promise<Outcome> {
  switch (action) {
    case 'place-order':
      return placeOrder(target, world, random);
    case 'move-order':
      return moveOrder(target, world, random);
    case 'restock':
      return target.restock(world.offer(random), random.int(5, 60));
    case 'change-price':
      return changePrice(target, world, random);
    case 'tag':
      return tag(target, world, random);
    case 'fill-cart':
      return fillCart(target, world, random);
    case 'browse':
      return target.browse({ sessionId: world.session(random, randomUUID()), steps: visit(world, random) });
  }
}

async function placeOrder(target: TrafficTarget, world: World, random: Random): Promise<Outcome> {
  // Few who fill a cart come back to order it: the others are left.
  const cart = random.chance(0.05) ? world.takeCart(random) : undefined;
  if (cart !== undefined) return opened(world, await target.placeOrder(cart));
  const offers = Array.from({ length: random.pick([1, 1, 1, 2, 2, 3, 4]) }, () => world.offer(random));
  const different = [...new Map(offers.map((offer) => [offer.variantId, offer])).values()];
  const lines = different.map((offer) => ({ ...offer, quantity: random.pick([1, 1, 1, 2, 3]) }));
  return opened(world, await target.placeOrder({ customerId: world.customer(random), lines }));
}

function opened(world: World, orderId: string | undefined): Outcome {
  if (orderId === undefined) return 'refused';
  world.opened({ orderId, status: 'pending' });
  return 'done';
}

async function moveOrder(target: TrafficTarget, world: World, random: Random): Promise<Outcome> {
  const order = world.takeOpen(random);
  if (order === undefined) return placeOrder(target, world, random);
  const to = nextStatus(order.status, random.chance(0.06));
  if (to === undefined) return placeOrder(target, world, random);
  // Refused or failed, it does not come back: someone else has moved it, or whether it moved is not known.
  const outcome = await target.moveOrder(order, to);
  if (outcome === 'done' && nextStatus(to, false) !== undefined) world.opened({ orderId: order.orderId, status: to });
  return outcome;
}

function changePrice(target: TrafficTarget, world: World, random: Random): Promise<Outcome> {
  const { productId, priceCents } = world.offer(random);
  const cents = Math.max(1, Math.round((priceCents * random.int(70, 125)) / 100));
  if (random.chance(0.5)) return target.changePrice({ kind: 'base', productId, cents });
  const inMs = random.int(0, 30) * 1000;
  return target.changePrice({ kind: 'scheduled', productId, cents, inMs, forMs: random.int(10, 120) * 1000 });
}

async function tag(target: TrafficTarget, world: World, random: Random): Promise<Outcome> {
  const known = random.chance(0.5) ? world.takeTagged(random) : undefined;
  if (known !== undefined) return target.removeTag(known);
  const fresh = world.newTag(random);
  if (fresh === undefined) return placeOrder(target, world, random);
  const outcome = await target.setTag(fresh);
  if (outcome === 'done') world.tagged(fresh);
  return outcome;
}

/** Into a cart that is there, or a new one. */
async function fillCart(target: TrafficTarget, world: World, random: Random): Promise<Outcome> {
  const known = random.chance(0.6) ? world.takeCart(random) : undefined;
  const { cartId, customerId, lines } = known ?? {
    cartId: randomUUID(),
    customerId: world.customer(random),
    lines: [],
  };
  const line = { ...world.offer(random), cartId, customerId, quantity: random.pick([1, 1, 2, 3]) };
  const outcome = await target.fillCart(line);
  if (outcome === 'done') world.filled({ cartId, customerId, lines: together([...lines, line]) });
  return outcome;
}

/** One line for each variant. */
function together(lines: readonly CartLine[]): readonly CartLine[] {
  const byVariant = new Map<string, CartLine>();
  for (const line of lines) {
    const quantity = line.quantity + (byVariant.get(line.variantId)?.quantity ?? 0);
    byVariant.set(line.variantId, { ...line, quantity });
  }
  return [...byVariant.values()];
}

/** Further with each step, and ever fewer of them. */
function visit(world: World, random: Random): Visit['steps'] {
  const { productId } = world.offer(random);
  const steps = [{ type: random.chance(0.3) ? 'search' : 'view', productId: world.offer(random).productId }];
  for (const type of ['view', 'add_to_cart', 'checkout', 'purchase']) {
    if (!random.chance(0.5)) break;
    steps.push({ type, productId });
  }
  return steps;
}
