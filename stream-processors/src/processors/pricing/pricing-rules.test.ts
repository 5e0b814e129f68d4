import { describe, expect, test } from '@jest/globals';
import type { Row } from '@millrace/schemas/cdc';
import type { PriceView } from '@millrace/schemas/views';
import { amountText } from '../../fields/index.ts';
import { TestRoad, seeded } from '../../testing/index.ts';
import type { TestRow } from '../../testing/index.ts';
import { pricing } from '../index.ts';

const second = 1_000_000;
const t0 = Date.UTC(2026, 0, 1) * 1000;

const product = (id: string, row: Row = {}): TestRow => ({
  table: 'products',
  op: 'u',
  row: {
    product_id: id,
    sku: id,
    name: id,
    status: 'active',
    category_id: 'c2',
    vendor_id: 'v0',
    base_price: '20.00',
    currency: 'EUR',
    attributes: '{}',
    created_at: t0,
    updated_at: t0,
    ...row,
  },
});
const variant = (id: string): TestRow => ({
  table: 'product_variants',
  op: 'c',
  row: { product_id: id, variant_id: id, sku: id, attributes: '{}' },
});
const category = (id: string, parent: string | null): TestRow => ({
  table: 'categories',
  op: 'u',
  row: { category_id: id, parent_id: parent, name: id },
});
const rule = (id: string, row: Row, op: TestRow['op'] = 'u'): TestRow => ({
  table: 'price_rules',
  op,
  row: { rule_id: id, kind: 'percent', value: '10.00', priority: 0, valid_from: t0, active: true, ...row },
});
const tree = [category('c0', null), category('c1', 'c0'), category('c2', 'c1'), category('other', null)];

async function started(): Promise<{ road: TestRoad; shown: (id?: string) => PriceView | null | undefined }> {
  const road = await TestRoad.open();
  await road.start(pricing);
  return { road, shown: (id = 'p') => road.latest('views.pricing', 'price', id) };
}

describe('price rules', () => {
  test('a category rule holds for the whole subtree, as long as the product is in it', async () => {
    const { road, shown } = await started();
    await road.source.commit(10n, t0, [...tree, product('p'), variant('p')]);
    await road.source.commit(20n, t0, [rule('r', { scope: 'category', scope_id: 'c0' })]);
    await road.settle();
    expect(shown()).toMatchObject({
      amount: '18.00',
      listAmount: '20.00',
      baseAmount: '20.00',
      reason: 'rule',
      ruleId: 'r',
      variants: [{ variantId: 'p', amount: '18.00', listAmount: '20.00', reason: 'rule', ruleId: 'r' }],
    });
    await road.source.commit(30n, t0, [category('c1', 'other')]);
    await road.settle();
    expect(shown()).toMatchObject({ amount: '20.00', reason: 'base', ruleId: null });
    await road.source.commit(40n, t0, [category('c1', 'c0')]);
    await road.source.commit(50n, t0, [product('p', { category_id: 'other' })]);
    await road.settle();
    expect(shown()).toMatchObject({ amount: '20.00' });
    expect(road.written('views.pricing').filter(({ entry }) => entry.kind === 'pricechange')).toHaveLength(5);
  });

  test('tag, vendor and product rules; of another tenant none; scheduled prices are list prices', async () => {
    const { road, shown } = await started();
    await road.source.commit(10n, t0, [
      product('p'),
      variant('p'),
      { table: 'product_tags', op: 'c', row: { product_id: 'p', tag_id: 't' } },
      rule('a', { scope: 'vendor', scope_id: 'v0', value: '50.00' }),
      rule('b', { scope: 'tag', scope_id: 't', kind: 'amount', value: '1.00', priority: 1 }),
      rule('c', { scope: 'product', scope_id: 'p', kind: 'fixed', value: '3.00', priority: 2, active: false }),
      rule('d', { scope: 'product', scope_id: 'p', priority: 3, tenant_id: 'someone-else' }),
    ]);
    await road.settle();
    expect(shown()).toMatchObject({ amount: '19.00', ruleId: 'b' });
    await road.source.commit(20n, t0, [
      {
        table: 'prices',
        op: 'c',
        row: { product_id: 'p', price_id: 's', amount: '9.00', currency: 'EUR', valid_from: t0 },
      },
    ]);
    await road.settle();
    expect(shown()).toMatchObject({ amount: '8.00', listAmount: '9.00', ruleId: 'b' });
    await road.source.commit(30n, t0, [{ table: 'product_tags', op: 'd', row: { product_id: 'p', tag_id: 't' } }]);
    await road.settle();
    expect(shown()).toMatchObject({ amount: '4.50', ruleId: 'a' });
    await road.source.commit(40n, t0, [
      rule('a', {}, 'd'),
      rule('c', { scope: 'product', scope_id: 'p', kind: 'fixed', value: '3.00' }),
    ]);
    await road.settle();
    expect(shown()).toMatchObject({ amount: '3.00', ruleId: 'c', lowest30d: '3.00' });
  });

  test('a rule begins and ends at its minute without any row changing, also over a restart', async () => {
    const { road, shown } = await started();
    const period = { valid_from: t0 + 60 * second, valid_to: t0 + 120 * second };
    await road.source.commit(10n, t0, [
      product('p'),
      variant('p'),
      rule('r', { scope: 'vendor', scope_id: 'v0', ...period }),
    ]);
    await road.settle();
    expect(shown()).toMatchObject({ amount: '20.00', nextChangeAt: new Date(period.valid_from / 1000).toISOString() });
    await road.start(pricing);
    await road.source.watermark(20n, t0 + 60 * second);
    await road.settle();
    expect(shown()).toMatchObject({ amount: '18.00', nextChangeAt: new Date(period.valid_to / 1000).toISOString() });
    await road.start(pricing);
    await road.source.watermark(30n, t0 + 120 * second);
    await road.settle();
    expect(shown()).toMatchObject({ amount: '20.00', nextChangeAt: null, lowest30d: '18.00' });
  });

  test('truncated rules hold no more', async () => {
    const { road, shown } = await started();
    await road.source.commit(10n, t0, [product('p'), variant('p'), rule('r', { scope: 'vendor', scope_id: 'v0' })]);
    await road.source.commit(20n, t0, [{ table: 'price_rules', op: 't', row: {} }]);
    await road.settle();
    expect(shown()).toMatchObject({ amount: '20.00' });
  });
});

describe('a rule that concerns many products', () => {
  const many = 3000;
  const id = (n: number): string => `p${String(n).padStart(5, '0')}`;

  async function withMany(): Promise<TestRoad> {
    const { road } = await started();
    const rows = Array.from({ length: many }, (_, n) => [product(id(n)), variant(id(n))]).flat();
    await road.source.commit(10n, t0, rows);
    await road.settle();
    await road.source.commit(20n, t0, [rule('r', { scope: 'vendor', scope_id: 'v0' })]);
    return road;
  }
  const repriced = (road: TestRoad): number =>
    new Set(
      road
        .written('views.pricing')
        .flatMap(({ key, entry }) => (entry.kind === 'price' && entry.lsn >= 20n ? [key] : [])),
    ).size;

  test('reaches them in parts over the following steps; what changes meanwhile does not wait', async () => {
    const road = await withMany();
    await road.settle();
    expect(repriced(road)).toBe(0);
    await road.source.commit(30n, t0 + second / 25, [product(id(7), { base_price: '30.00' })]);
    await road.settle();
    expect(road.latest('views.pricing', 'price', id(7))).toMatchObject({ amount: '27.00', ruleId: 'r' });
    const first = repriced(road);
    expect(first).toBeGreaterThan(100);
    expect(first).toBeLessThan(300);
    for (let n = 1; n <= 4; n++) {
      await road.source.watermark(40n + BigInt(n * 10), t0 + n * second);
      await road.settle();
    }
    expect(repriced(road)).toBe(many);
    const positions = road.written('views.pricing').map(({ entry }) => entry.lsn);
    expect(positions).toEqual([...positions].sort((a, b) => (a < b ? -1 : Number(a > b))));
  });

  test('a restart in the middle takes the same parts', async () => {
    const run = async (restart: boolean): Promise<string[]> => {
      const road = await withMany();
      for (let n = 1; n <= 6; n++) {
        await road.settle();
        if (restart) await road.start(pricing);
        await road.source.watermark(40n + BigInt(n * 10), t0 + (n * second) / 20);
      }
      await road.settle();
      return road.written('views.pricing').map(({ key, entry }) => `${key}@${entry.lsn}`);
    };
    expect(await run(true)).toEqual(await run(false));
  });

  test('one that is changed again begins again and ends with the newest', async () => {
    const road = await withMany();
    await road.source.commit(30n, t0 + second / 25, [rule('r', { scope: 'vendor', scope_id: 'v0', value: '50.00' })]);
    for (let n = 1; n <= 4; n++) await road.source.watermark(40n + BigInt(n * 10), t0 + n * second);
    await road.settle();
    const newest = new Map(road.written('views.pricing').map(({ key, entry }) => [key, entry.data]));
    const amounts = new Set(Array.from({ length: many }, (_, n) => (newest.get(`price:${id(n)}`) as PriceView).amount));
    expect([...amounts]).toEqual(['10.00']);
  });
});

test('lowest30d is the lowest amount that was shown in the 30 days, whatever happened', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const { road } = await started();
    const pick = seeded(seed);
    let us = t0;
    await road.source.commit(10n, us, [...tree, product('p'), variant('p')]);
    for (let n = 1; n <= 40; n++) {
      us += pick(6) * 24 * 3600 * second;
      const rows = [
        product('p', { base_price: amountText(100 + pick(2000)) }),
        rule(`r${pick(2)}`, {
          scope: 'category',
          scope_id: `c${pick(3)}`,
          value: amountText(100 + pick(9000)),
          priority: pick(2),
        }),
        rule(`r${pick(2)}`, { scope: 'vendor', scope_id: 'v0', active: false }),
      ];
      await road.source.commit(10n + BigInt(n * 10), us, [rows[pick(3)] ?? product('p')]);
    }
    await road.settle();
    const shown = road.written('views.pricing').flatMap(({ entry }) => (entry.kind === 'price' ? [entry] : []));
    for (const [at, entry] of shown.entries()) {
      const { amount, lowest30d } = entry.data as PriceView;
      const held = shown.slice(0, at).flatMap(({ data }, index) => {
        const endsUs = shown[index + 1]?.tsUs ?? Infinity;
        return endsUs > entry.tsUs - 30 * 24 * 3600 * second ? [Number((data as PriceView).amount)] : [];
      });
      expect([seed, at, Number(lowest30d)]).toEqual([seed, at, Math.min(Number(amount), ...held)]);
    }
  }
});
