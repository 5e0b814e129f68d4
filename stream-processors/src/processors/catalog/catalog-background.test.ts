import { expect, test } from '@jest/globals';
import type { ProductView } from '@millrace/schemas/views';
import { TestRoad } from '../../testing/index.ts';
import type { TestRow } from '../../testing/index.ts';
import { catalog, inventory, pricing } from '../index.ts';

const second = 1_000_000;
const t0 = Date.UTC(2026, 0, 1) * 1000;
const many = 2500;
const id = (n: number): string => `p${String(n).padStart(5, '0')}`;
const category = (name: string, parent: string | null, label = name): TestRow => ({
  table: 'categories',
  op: 'u',
  row: { category_id: name, parent_id: parent, name: label },
});
const product = (n: number, name = 'Chair'): TestRow => ({
  table: 'products',
  op: 'u',
  row: {
    ...{ product_id: id(n), sku: id(n), name, status: 'active', category_id: 'c1', vendor_id: null },
    ...{ base_price: '20.00', currency: 'EUR', attributes: '{}', created_at: t0, updated_at: t0 },
  },
});

test('a category that is renamed or moved reaches its many products in parts; what changes meanwhile does not wait', async () => {
  const road = await TestRoad.open();
  for (const processor of [inventory, pricing]) await road.start(processor);
  const { task } = await road.start(catalog);
  await road.source.commit(10n, t0, [
    category('c0', null),
    category('c1', 'c0'),
    category('new', null),
    ...Array.from({ length: many }, (_, n) => product(n)),
  ]);
  await road.settle();
  const paths = (): Map<string, number> => {
    const newest = new Map(road.written('views.catalog').map(({ key, entry }) => [key, entry.data as ProductView]));
    const counts = new Map<string, number>();
    for (const { categoryPath } of newest.values()) {
      const path = categoryPath.join('/');
      counts.set(path, (counts.get(path) ?? 0) + 1);
    }
    return counts;
  };
  expect(paths()).toEqual(new Map([['c0/c1', many]]));

  await road.source.commit(20n, t0, [category('c0', null, 'All')]);
  await road.source.commit(30n, t0 + second / 10, [product(3, 'Stool')]);
  await road.settle();
  expect(road.latest('views.catalog', 'product', id(3))).toMatchObject({ name: 'Stool', categoryPath: ['All', 'c1'] });
  expect(paths().get('c0/c1')).toBeGreaterThan(many / 2);
  const [work] = task.background;
  expect(work).toMatchObject({ cause: 'category/c0', since: '00000000000000000020', total: many });
  expect(work?.done).toBeGreaterThan(many / 10);

  await road.source.commit(40n, t0 + second / 5, [category('c1', 'new')]);
  await road.start(catalog);
  for (let n = 1; n <= 5; n++) await road.source.watermark(40n + BigInt(n * 10), t0 + n * second);
  await road.settle();
  expect(paths()).toEqual(new Map([['new/c1', many]]));
}, 30_000);
