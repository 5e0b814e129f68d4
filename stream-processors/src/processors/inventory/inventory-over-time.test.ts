import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Row } from '@millrace/schemas/cdc';
import type { StockEventView, StockView } from '@millrace/schemas/views';
import { TestRoad, seeded } from '../../testing/index.ts';
import type { TestRow } from '../../testing/index.ts';
import { inventory } from '../index.ts';

const second = 1_000_000;
const day = 24 * 3600 * second;
const t0 = Date.UTC(2026, 0, 1) * 1000;

const keys = { product_id: 'p', variant_id: 'p', warehouse_id: 'w' };
const product: TestRow = {
  table: 'products',
  op: 'c',
  row: {
    ...{ product_id: 'p', sku: 'S', name: 'Chair', status: 'active', base_price: '1.00', currency: 'EUR' },
    ...{ attributes: '{}', created_at: t0, updated_at: t0 },
  },
};
const level = (quantity: number, row: Row = {}, op: TestRow['op'] = 'u'): TestRow => ({
  table: 'inventory',
  op,
  row: { ...keys, quantity, reserved: 0, low_stock_threshold: 4, ...row },
});
const movement = (id: string, delta: number, us: number, row: Row = {}, op: TestRow['op'] = 'c'): TestRow => ({
  table: 'stock_movements',
  op,
  row: { ...keys, movement_id: id, delta, kind: 'sale', created_at: us, ...row },
});
const reservation = (id: string, quantity: number, expires: number, state = 'active'): TestRow => ({
  table: 'reservations',
  op: 'u',
  row: { ...keys, reservation_id: id, quantity, expires_at: expires, state },
});

async function started() {
  const road = await TestRoad.open();
  await road.start(inventory);
  let lsn = 0n;
  return {
    road,
    commit: async (us: number, ...rows: TestRow[]): Promise<void> => {
      lsn += 10n;
      await road.source.commit(lsn, us, rows);
      await road.settle();
    },
    stock: () => road.latest('views.inventory', 'stock', 'p') as StockView,
    events: () =>
      road
        .written('views.inventory')
        .flatMap(({ entry }) => (entry.kind === 'stockevent' ? [(entry.data as StockEventView).name] : [])),
  };
}

describe('reservations', () => {
  test('what an active one held beyond its time is free again, without any row changing, also after a restart', async () => {
    const { road, commit, stock } = await started();
    await commit(
      t0,
      product,
      level(10, { reserved: 5 }),
      reservation('a', 3, t0 + 60 * second),
      reservation('b', 2, t0 + 90 * second),
    );
    expect(stock()).toMatchObject({ reserved: 5, available: 5 });
    await road.start(inventory);
    await commit(t0 + 60 * second);
    expect(stock()).toMatchObject({ reserved: 2, available: 8 });
    await commit(t0 + 61 * second, reservation('a', 3, t0 + 60 * second, 'expired'), level(10, { reserved: 2 }));
    expect(stock()).toMatchObject({ reserved: 2, available: 8 });
    await commit(t0 + 91 * second);
    expect(stock()).toMatchObject({ reserved: 0, available: 10 });
  });
});

describe('turns of the stock', () => {
  test('each is told once; a first level, and what stays as it is, is none', async () => {
    const { road, commit, events } = await started();
    await commit(t0, product);
    await commit(t0, level(10, {}, 'c'));
    await commit(t0, level(9));
    expect(events()).toEqual(['StockMismatch']);
    await commit(t0, level(4), movement('m1', -6, t0));
    await road.start(inventory);
    await commit(t0, level(3), movement('m2', -1, t0));
    await commit(t0, level(0), movement('m3', -3, t0));
    await commit(t0, level(2), movement('m4', 2, t0, { kind: 'receipt' }));
    await commit(t0, level(20), movement('m5', 18, t0, { kind: 'receipt' }));
    expect(events()).toEqual(['StockMismatch', 'LowStock', 'OutOfStock', 'BackInStock']);
  });

  test('whatever the levels become, each turn between two statuses is told exactly once, over restarts too', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom(0, 1, 4, 5, 9), fc.boolean()), { maxLength: 12 }),
        async (steps) => {
          const { road, commit, events } = await started();
          await commit(t0, product, level(9, {}, 'c'));
          const expected: string[] = [];
          let before = 9;
          for (const [n, [quantity, restart]] of steps.entries()) {
            if (restart) await road.start(inventory);
            const moved = quantity === before ? [] : [movement(`m${n}`, quantity - before, t0)];
            await commit(t0, level(quantity), ...moved);
            if (before > 0 && quantity === 0) expected.push('OutOfStock');
            else if (before === 0 && quantity > 0) expected.push('BackInStock');
            else if (before > 4 && quantity <= 4) expected.push('LowStock');
            before = quantity;
          }
          expect(events()).toEqual(expected);
        },
      ),
      { numRuns: 40 },
    );
  }, 60_000);

  test('an expired reservation brings stock back', async () => {
    const { commit, events, stock } = await started();
    await commit(t0, product, level(3, { reserved: 3 }), reservation('a', 3, t0 + second));
    expect(stock()).toMatchObject({ status: 'out_of_stock' });
    await commit(t0 + second);
    expect(events()).toEqual(['BackInStock']);
  });
});

describe('movements and levels', () => {
  test('what a level changes by beside its movements is counted, and forgotten when a movement explains it', async () => {
    const { commit, stock } = await started();
    await commit(t0, product, level(10, {}, 'c'), movement('m0', 10, t0, { kind: 'receipt' }));
    expect(stock()).toMatchObject({ unexplained: 0, flags: [] });
    await commit(t0, movement('m1', -2, t0), level(8));
    expect(stock()).toMatchObject({ unexplained: 0, flags: [] });
    await commit(t0, level(5));
    expect(stock()).toMatchObject({ onHand: 5, unexplained: -3, flags: ['movement-mismatch'] });
    await commit(t0, movement('m2', -3, t0, { kind: 'adjustment' }));
    expect(stock()).toMatchObject({ unexplained: 0, flags: [] });
    await commit(t0, level(6));
    await commit(t0, level(6, {}, 'r'));
    expect(stock()).toMatchObject({ unexplained: 0, flags: [] });
  });

  test('random commits that keep both in step are never flagged, one that does not always is', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { commit, stock } = await started();
      const pick = seeded(seed);
      let quantity = 50;
      let missing = 0;
      await commit(t0, product, level(quantity, {}, 'c'));
      for (let n = 1; n <= 30; n++) {
        const delta = pick(20) - Math.min(10, quantity);
        if (delta === 0) continue;
        quantity += delta;
        const isTold = pick(6) > 0;
        if (!isTold) missing += delta;
        const rows = [level(quantity), ...(isTold ? [movement(`m${n}`, delta, t0)] : [])];
        await commit(t0, ...(pick(2) === 0 ? rows : [...rows].reverse()));
        expect([seed, n, stock().unexplained]).toEqual([seed, n, missing]);
      }
    }
  });
});

describe('velocity and cover', () => {
  test('sales less what came back, over 7 and 28 days; they leave with time alone', async () => {
    const { commit, stock } = await started();
    await commit(t0, product, level(100, {}, 'c'));
    await commit(t0 + second, level(86), movement('m1', -14, t0 + second));
    expect(stock()).toMatchObject({ velocity7d: 2, velocity28d: 0.5, daysOfCover: 43 });
    await commit(t0 + 2 * second, level(93), movement('m2', 7, t0 + second, { kind: 'cancellation' }));
    expect(stock()).toMatchObject({ velocity7d: 1, velocity28d: 0.25, daysOfCover: 93 });
    expect(stock().projectedStockOutAt).toBe('2026-04-04T00:00:00.000Z');
    await commit(t0 + 8 * day);
    expect(stock()).toMatchObject({ velocity7d: 0, velocity28d: 0.25, daysOfCover: 372 });
    await commit(t0 + 29 * day);
    expect(stock()).toMatchObject({ velocity7d: 0, velocity28d: 0, daysOfCover: null, projectedStockOutAt: null });
  });

  test('movements of the first snapshot count, those read again later do not', async () => {
    const { commit, stock } = await started();
    const old = movement('m1', -28, t0 - 3 * day, {}, 'r');
    await commit(t0, { ...product, op: 'r' }, level(10, {}, 'r'), old);
    expect(stock()).toMatchObject({ velocity28d: 1, unexplained: 0 });
    await commit(t0, old);
    expect(stock()).toMatchObject({ velocity28d: 1 });
  });
});
