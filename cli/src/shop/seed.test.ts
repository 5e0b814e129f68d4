import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { randomOf, stableId } from './random.ts';
import { addOrder } from './seed-orders.ts';
import type { OrderTables } from './seed-orders.ts';
import { seedProduct } from './seed-products.ts';
import { zipf } from './zipf.ts';

describe('popularity', () => {
  test('picks every thing there is, the popular ones far more often', () => {
    const pick = zipf(10);
    const random = randomOf('zipf');
    const counts = new Map<number, number>();
    for (let draw = 0; draw < 20_000; draw += 1) {
      const picked = pick(random);
      counts.set(picked, (counts.get(picked) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const sorted = [...counts.values()].sort((one, other) => other - one);
    // The first against the second: 2 to 1; against the tenth: 10 to 1.
    expect(sorted[0]! / sorted[1]!).toBeCloseTo(2, 0);
    expect(sorted[0]! / sorted[9]!).toBeGreaterThan(7);
  });

  test('stays among the things, however many', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.string(), (count, seed) => {
        const picked = zipf(count)(randomOf(seed));
        expect(Number.isInteger(picked) && picked >= 0 && picked < count).toBe(true);
      }),
    );
  });
});

describe('what is drawn from a seed', () => {
  const vendors = ['v1', 'v2', 'v3'];
  const order = (seed: string, index: number) => {
    const tables: OrderTables = { orders: [], order_items: [], order_status_history: [], payments: [] };
    addOrder(tables, seed, index, {
      customers: 10,
      product: (random) => seedProduct(seed, random.int(0, 50), vendors),
    });
    return tables;
  };

  test('is the same each time, whatever was drawn before', () => {
    const first = [seedProduct('s', 7, vendors), order('s', 3)];
    seedProduct('s', 8, vendors);
    order('s', 4);
    expect([seedProduct('s', 7, vendors), order('s', 3)]).toEqual(first);
    expect(order('other', 3)).not.toEqual(first[1]);
  });

  test('keeps an order’s history in step with its status and time', () => {
    for (let index = 0; index < 200; index += 1) {
      const { orders, order_status_history: history, payments } = order('s', index);
      const times = history.map((row) => row[4] as string);
      expect(times).toEqual([...new Set(times)].sort());
      expect(history.at(-1)?.[3]).toBe(orders[0]?.[3]);
      expect(payments).toHaveLength(history.some((row) => row[3] === 'paid') ? 1 : 0);
    }
  });

  test('ids sort by their time and differ', () => {
    expect(stableId(1000, 'a') < stableId(2000, 'a')).toBe(true);
    const ids = new Set(Array.from({ length: 20_000 }, (_, index) => stableId(1000, 'a', index)));
    expect(ids.size).toBe(20_000);
  });
});
