import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { allocate, totalDemand } from './allocation.ts';
import { mayFollow, orderStatuses, roadTo } from './order-status.ts';

const level = (warehouseId: string, available: number) => ({ productId: 'p', variantId: 'v', warehouseId, available });
const demand = (quantity: number) => [{ productId: 'p', variantId: 'v', quantity }];
const taken = (quantity: number, ...levels: ReturnType<typeof level>[]) =>
  allocate(demand(quantity), levels).allocations.map(({ warehouseId, quantity: n }) => [warehouseId, n]);

describe('an order is served', () => {
  test('from one warehouse where one has enough, sparing the fuller ones', () => {
    expect(taken(3, level('a', 10), level('b', 3), level('c', 2))).toEqual([['b', 3]]);
  });
  test('from several otherwise, fullest first', () => {
    expect(taken(12, level('a', 5), level('b', 6), level('c', 4))).toEqual([
      ['b', 6],
      ['a', 5],
      ['c', 1],
    ]);
  });
  test('not at all where all together have too little', () => {
    expect(allocate(demand(3), [level('a', 1), level('b', 1)])).toEqual({
      allocations: [],
      shortages: [{ productId: 'p', variantId: 'v', requested: 3, available: 2 }],
    });
  });
  test('never beyond what any warehouse has, always in full', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -3, max: 20 }), { maxLength: 6 }),
        fc.integer({ min: 1, max: 60 }),
        (stock, n) => {
          const levels = stock.map((available, index) => level(String(index), available));
          const { allocations, shortages } = allocate(demand(n), levels);
          for (const { warehouseId, quantity } of allocations) {
            expect(quantity).toBeGreaterThan(0);
            expect(quantity).toBeLessThanOrEqual(stock[Number(warehouseId)] ?? 0);
          }
          const sum = allocations.reduce((total, { quantity }) => total + quantity, 0);
          expect(sum).toBe(shortages.length === 0 ? n : 0);
        },
      ),
    );
  });
  test('once for all its lines of a variant, in the order of keys', () => {
    const line = (productId: string, quantity: number) => ({ productId, variantId: 'v', quantity });
    expect(totalDemand([line('b', 1), line('a', 2), line('b', 3)])).toEqual([line('a', 2), line('b', 4)]);
  });
});

describe('statuses', () => {
  test('of the road follow each other', () => {
    expect(roadTo('confirmed', 'shipped')).toEqual(['paid', 'fulfilling', 'shipped']);
    expect(roadTo('shipped', 'paid')).toBeNull();
    expect(roadTo('cancelled', 'paid')).toBeNull();
    for (const from of orderStatuses) {
      let at = from;
      for (const step of roadTo(from, 'delivered') ?? []) {
        expect(mayFollow(at, step)).toBe(true);
        at = step;
      }
    }
  });
  test('never follow themselves, and nothing follows a refund', () => {
    expect(orderStatuses.filter((status) => mayFollow(status, status))).toEqual([]);
    expect(orderStatuses.filter((status) => mayFollow('refunded', status))).toEqual([]);
    expect(mayFollow('shipped', 'cancelled')).toBe(false);
  });
});
