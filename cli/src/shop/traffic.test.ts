import { describe, expect, test } from '@jest/globals';
import { randomOf } from './random.ts';
import { dueAfter, dueAt, nextStep } from './traffic-plan.ts';
import { perform } from './traffic-steps.ts';
import { nextStatus } from './traffic-target.ts';
import type { OpenOrder, TrafficTarget } from './traffic-target.ts';
import { Tally } from './traffic-totals.ts';
import { traffic } from './traffic.ts';
import { World } from './traffic-world.ts';

const offers = ['a', 'b', 'c'].map((id) => ({ productId: id, variantId: id, warehouseId: 'w', priceCents: 100 }));
const databaseUrl = 'postgres://nobody@127.0.0.1:1/nothing';

/** Answers as told, and remembers what was asked. */
function fakeTarget(answer: 'done' | 'refused'): TrafficTarget & { readonly asked: string[] } {
  const asked: string[] = [];
  const say = (what: string) => {
    asked.push(what);
    return Promise.resolve(answer);
  };
  return {
    asked,
    placeOrder: ({ lines }) => say(`order of ${lines.length}`).then((said) => (said === 'done' ? 'o-new' : undefined)),
    moveOrder: (order: OpenOrder, to) => say(`${order.orderId} to ${to}`),
    restock: () => say('restock'),
    changePrice: ({ kind }) => say(`${kind} price`),
    setTag: ({ productId, tagId }) => say(`tag ${productId} ${tagId}`),
    removeTag: ({ productId, tagId }) => say(`untag ${productId} ${tagId}`),
    fillCart: ({ cartId, quantity }) => say(`cart ${cartId} ${quantity}`),
    browse: ({ sessionId, steps }) => say(`visit ${sessionId} ${steps.map(({ type }) => type).join()}`),
  };
}

describe('what traffic does next', () => {
  test('is the same for the same seed', () => {
    const steps = (seed: string) => {
      const random = randomOf(seed);
      return Array.from({ length: 50 }, () => nextStep(random, 0.3));
    };
    expect(steps('a')).toEqual(steps('a'));
    expect(steps('a')).not.toEqual(steps('b'));
  });

  test.each([
    [0, 0],
    [0.3, 0.3],
    [1, 1],
  ])('takes plain SQL for a share of %d', (share, expected) => {
    const random = randomOf('shares');
    const steps = Array.from({ length: 5000 }, () => nextStep(random, share));
    expect(steps.filter(({ via }) => via === 'sql').length / steps.length).toBeCloseTo(expected, 1);
    expect(new Set(steps.map(({ action }) => action)).size).toBe(7);
  });

  test('is due evenly: the first at once, then tps a second', () => {
    expect([0, 99, 100, 950, 1000].map((elapsed) => dueAfter(elapsed, 10))).toEqual([1, 1, 2, 10, 11]);
    expect([1, 2, 10].map((begun) => dueAt(begun, 10))).toEqual([100, 200, 1000]);
    expect(dueAt(1, 0.5)).toBe(2000);
  });
});

describe('an order under way', () => {
  test('goes its road to the end', () => {
    const road = ['pending'];
    for (let next = nextStatus('pending', false); next !== undefined; next = nextStatus(next, false)) road.push(next);
    expect(road).toEqual(['pending', 'confirmed', 'paid', 'fulfilling', 'shipped', 'delivered']);
    expect(nextStatus('confirmed', true)).toBe('cancelled');
    expect(nextStatus('shipped', true)).toBe('delivered');
  });

  test('is moved on from where it is, and not taken twice at once', async () => {
    const world = new World(offers, ['c'], [], [{ orderId: 'o-1', status: 'paid' }]);
    const target = fakeTarget('done');
    const random = randomOf('move');
    await Promise.all([perform('move-order', target, world, random), perform('move-order', target, world, random)]);
    expect(target.asked).toEqual(['o-1 to fulfilling', expect.stringMatching(/^order of/)]);
    expect([world.takeOpen(random), world.takeOpen(random)]).toEqual(
      expect.arrayContaining([
        { orderId: 'o-1', status: 'fulfilling' },
        { orderId: 'o-new', status: 'pending' },
      ]),
    );
  });

  test('is left alone once the shop has refused to move it', async () => {
    const world = new World(offers, ['c'], [], [{ orderId: 'o-1', status: 'paid' }]);
    expect(await perform('move-order', fakeTarget('refused'), world, randomOf('move'))).toBe('refused');
    expect(world.takeOpen(randomOf('move'))).toBeUndefined();
  });
});

test('tags that were set are taken away again', async () => {
  const world = new World(offers, ['c'], ['t'], []);
  const target = fakeTarget('done');
  const random = randomOf('tags');
  for (let step = 0; step < 30; step += 1) await perform('tag', target, world, random);
  const untagged = target.asked.filter((what) => what.startsWith('untag'));
  expect(untagged.length).toBeGreaterThan(3);
  expect(untagged.every((what) => target.asked.includes(what.slice(2)))).toBe(true);
});

test('carts are filled further, ordered with what is in them, or left', async () => {
  const world = new World(offers, ['c'], [], []);
  const orders: string[][] = [];
  const target = fakeTarget('done');
  const shop: TrafficTarget = {
    ...target,
    placeOrder: (request) => {
      if (request.cartId !== undefined)
        orders.push([request.cartId, ...request.lines.map(({ quantity }) => String(quantity))]);
      return target.placeOrder(request);
    },
  };
  const random = randomOf('carts');
  for (let step = 0; step < 200; step += 1) {
    await perform('fill-cart', shop, world, random);
    await perform('place-order', shop, world, random);
  }
  const filled = new Map<string, number>();
  for (const [, cartId = '', quantity] of target.asked
    .filter((what) => what.startsWith('cart'))
    .map((what) => what.split(' '))) {
    filled.set(cartId, (filled.get(cartId) ?? 0) + Number(quantity));
  }
  expect(orders.length).toBeGreaterThan(3);
  expect(orders.length).toBeLessThan(filled.size);
  const units = (quantities: readonly string[]): number => quantities.reduce((sum, each) => sum + Number(each), 0);
  expect(orders.map(([cartId, ...quantities]) => [cartId, units(quantities)])).toEqual(
    orders.map(([cartId = '']) => [cartId, filled.get(cartId)]),
  );
});

test('visits go on, and get less often further', async () => {
  const world = new World(offers, ['c'], [], []);
  const target = fakeTarget('done');
  const random = randomOf('visits');
  for (let step = 0; step < 300; step += 1) await perform('browse', target, world, random);
  expect(new Set(target.asked.map((what) => what.split(' ')[1])).size).toBeLessThan(150);
  const [carts, purchases] = ['add_to_cart', 'purchase'].map(
    (type) => target.asked.filter((what) => what.includes(type)).length,
  );
  expect(purchases).toBeGreaterThan(0);
  expect(carts).toBeGreaterThan(purchases ?? 0);
});

test('the tally adds up, and keeps a bounded number of messages', () => {
  const tally = new Tally();
  tally.count('restock', 'sql', 'done');
  tally.count('place-order', 'api', 'refused');
  tally.count('place-order', 'api', 'errors');
  for (let at = 0; at < 50; at += 1) tally.error(new Error(`error ${at}`));
  tally.late(3);
  const totals = tally.totals();
  expect(totals).toMatchObject({ done: 1, refused: 1, errors: 1, late: 3, bySql: 1, byApi: 2 });
  expect(totals.byAction['place-order']).toEqual({ done: 0, refused: 1, errors: 1 });
  expect(Object.keys(totals.errorMessages)).toHaveLength(20);
  expect(totals.errorMessages['other errors']).toBe(31);
});

test('options that make no sense are refused together', async () => {
  await expect(traffic({ tps: 0, share: 2, databaseUrl })).rejects.toThrow(
    'traffic: tps must be above 0; share must be from 0 to 1',
  );
  await expect(traffic({ tps: 1, databaseUrl })).rejects.toThrow('traffic: apiUrl is needed unless share is 1');
});
