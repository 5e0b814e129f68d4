import { describe, expect, test } from '@jest/globals';
import type { Row } from '@millrace/schemas/cdc';
import { UNCHANGED } from '@millrace/schemas/cdc';
import { TestRoad } from '../testing/index.ts';
import type { TestRow } from '../testing/index.ts';
import { catalog, inventory, orders, pricing } from './index.ts';

const second = 1_000_000;
const day = 24 * 3600 * second;
const t0 = Date.UTC(2026, 0, 1) * 1000;
const at = (us: number): string => new Date(us / 1000).toISOString();

const product = (row: Row = {}): TestRow => ({
  table: 'products',
  op: 'u',
  row: {
    product_id: 'p',
    sku: 'S',
    name: 'Chair',
    description: 'long text',
    status: 'active',
    category_id: 'c1',
    vendor_id: 'v0',
    base_price: '20.00',
    currency: 'EUR',
    attributes: '{"seats":1}',
    created_at: t0,
    updated_at: t0,
    ...row,
  },
});
const variant = (id = 'p'): TestRow => ({
  table: 'product_variants',
  op: 'c',
  row: { product_id: 'p', variant_id: id, sku: id, attributes: '{}' },
});
const price = (id: string, row: Row): TestRow => ({
  table: 'prices',
  op: 'c',
  row: { product_id: 'p', price_id: id, currency: 'EUR', ...row },
});

describe('inventory', () => {
  test('sums warehouses and variants; a product without rows is there with zeros; deletes take it away', async () => {
    const road = await TestRoad.open();
    await road.start(inventory);
    const level = (warehouse: string, quantity: number, reserved: number, op: TestRow['op'] = 'r'): TestRow => ({
      table: 'inventory',
      op,
      row: { product_id: 'p', variant_id: 'p', warehouse_id: warehouse, quantity, reserved, low_stock_threshold: 4 },
    });
    await road.source.commit(10n, t0, [product(), variant(), variant('x')]);
    await road.settle();
    expect(road.latest('views.inventory', 'stock', 'p')).toMatchObject({
      onHand: 0,
      status: 'out_of_stock',
      lowStockThreshold: 10,
    });
    await road.source.commit(20n, t0, [level('w1', 5, 2), level('w2', 1, 0)]);
    await road.settle();
    expect(road.latest('views.inventory', 'stock', 'p')).toMatchObject({
      onHand: 6,
      reserved: 2,
      available: 4,
      status: 'low_stock',
      lowStockThreshold: 4,
      variants: [
        { variantId: 'p', available: 4, warehouses: [{ warehouseId: 'w1' }, { warehouseId: 'w2' }] },
        { variantId: 'x', available: 0 },
      ],
    });
    await road.source.commit(30n, t0, [level('w1', 0, 0, 'd'), level('w2', 9, 0, 'u')]);
    await road.settle();
    expect(road.latest('views.inventory', 'stock', 'p')).toMatchObject({ onHand: 9, status: 'in_stock' });
    await road.source.commit(40n, t0, [
      { ...product(), op: 'd' },
      { ...variant(), op: 'd' },
      { ...variant('x'), op: 'd' },
      level('w2', 0, 0, 'd'),
    ]);
    await road.settle();
    expect(road.latest('views.inventory', 'stock', 'p')).toBeNull();
  });

  test('each movement is a fact', async () => {
    const road = await TestRoad.open();
    await road.start(inventory);
    const row = {
      product_id: 'p',
      movement_id: 'm',
      variant_id: 'p',
      warehouse_id: 'w',
      delta: -3,
      kind: 'sale',
      created_at: t0,
    };
    await road.source.commit(10n, t0, [{ table: 'stock_movements', op: 'c', row }]);
    await road.settle();
    expect(road.latest('views.inventory', 'movement', 'm')).toMatchObject({ delta: -3, orderId: null, at: at(t0) });
  });
});

describe('pricing', () => {
  test('the most specific, then the newest row wins; prices begin and end on stream time without any row changing', async () => {
    const road = await TestRoad.open();
    await road.start(pricing);
    await road.source.commit(10n, t0, [
      product(),
      variant(),
      variant('x'),
      price('a', { amount: '18.00', valid_from: t0 + 10 * second, valid_to: t0 + 20 * second }),
      price('b', {
        amount: '17.00',
        variant_id: 'x',
        valid_from: t0 + 5 * second,
        valid_to: t0 + 30 * second,
        reason: 'sale',
      }),
    ]);
    await road.settle();
    const shown = () => road.latest('views.pricing', 'price', 'p');
    expect(shown()).toMatchObject({
      amount: '20.00',
      reason: 'base',
      nextChangeAt: at(t0 + 5 * second),
      validUntil: null,
    });
    await road.source.watermark(20n, t0 + 6 * second);
    await road.settle();
    expect(shown()).toMatchObject({
      amount: '20.00',
      variants: [{ amount: '20.00' }, { variantId: 'x', amount: '17.00', reason: 'sale' }],
      nextChangeAt: at(t0 + 10 * second),
    });
    await road.source.watermark(30n, t0 + 12 * second);
    await road.settle();
    expect(shown()).toMatchObject({
      amount: '18.00',
      lowest30d: '18.00',
      variants: [
        { variantId: 'p', amount: '18.00', reason: 'scheduled' },
        { variantId: 'x', amount: '17.00' },
      ],
    });
    await road.source.watermark(40n, t0 + 40 * second);
    await road.settle();
    expect(shown()).toMatchObject({ amount: '20.00', lowest30d: '18.00', nextChangeAt: null });
    await road.source.watermark(50n, t0 + 31 * day);
    await road.settle();
    expect(shown()).toMatchObject({ amount: '20.00', lowest30d: '20.00' });
    const changes = road.written('views.pricing').filter(({ entry }) => entry.kind === 'pricechange');
    expect(changes.map(({ key, entry }) => [key, (entry.data as { amount: string }).amount])).toEqual([
      ['pricechange:p/p/00000000000000000010', '20.00'],
      ['pricechange:p/x/00000000000000000010', '20.00'],
      ['pricechange:p/x/00000000000000000020', '17.00'],
      ['pricechange:p/p/00000000000000000030', '18.00'],
      ['pricechange:p/p/00000000000000000040', '20.00'],
      ['pricechange:p/x/00000000000000000040', '20.00'],
    ]);
  });

  test('a timer that was set before a restart fires after it', async () => {
    const road = await TestRoad.open();
    await road.start(pricing);
    await road.source.commit(10n, t0, [product(), variant(), price('a', { amount: '3.10', valid_from: t0 + second })]);
    await road.settle();
    await road.start(pricing);
    await road.source.watermark(20n, t0 + 2 * second);
    await road.settle();
    expect(road.latest('views.pricing', 'price', 'p')).toMatchObject({ amount: '3.10', baseAmount: '20.00' });
  });
});

describe('orders', () => {
  const order = (status: string, row: Row = {}): TestRow => ({
    table: 'orders',
    op: 'u',
    row: {
      order_id: 'o',
      order_number: 'M1',
      customer_id: null,
      status,
      currency: 'USD',
      subtotal: '0.30',
      discount_amount: '0.00',
      tax_amount: '0.02',
      shipping_amount: '0.00',
      total_amount: '0.32',
      placed_at: t0,
      ...row,
    },
  });
  const item = (id: string, row: Row): TestRow => ({
    table: 'order_items',
    op: 'c',
    row: { order_id: 'o', item_id: id, product_id: 'p', variant_id: 'p', name: 'Chair', ...row },
  });
  const step = (id: string, status: string, us: number): TestRow => ({
    table: 'order_status_history',
    op: 'c',
    row: { order_id: 'o', history_id: id, to_status: status, at: us },
  });

  test('exact totals, lines, timeline in order; what is not allowed is flagged and stays visible', async () => {
    const road = await TestRoad.open();
    await road.start(orders);
    await road.source.commit(10n, t0, [
      order('pending'),
      item('i1', { quantity: 1, unit_price: '0.10', total_price: '0.10' }),
      item('i2', { quantity: 2, unit_price: '0.10', total_price: '0.20' }),
      step('h1', 'pending', t0),
    ]);
    await road.settle();
    expect(road.latest('views.orders', 'order', 'o')).toMatchObject({
      totalAmount: '0.32',
      customerId: null,
      flags: [],
      items: [{ itemId: 'i1' }, { itemId: 'i2', totalPrice: '0.20' }],
    });
    await road.source.commit(20n, t0 + second, [
      order('shipped', { subtotal: '0.31' }),
      step('h2', 'shipped', t0 + second),
    ]);
    await road.settle();
    expect(road.latest('views.orders', 'order', 'o')).toMatchObject({
      status: 'shipped',
      timeline: [
        { status: 'pending', at: at(t0) },
        { status: 'shipped', at: at(t0 + second) },
      ],
      flags: ['illegal-transition:pending->shipped', 'total-mismatch'],
    });
  });

  test('without a history the timeline is what was seen', async () => {
    const road = await TestRoad.open();
    await road.start(orders);
    await road.source.commit(10n, t0, [order('pending', { subtotal: '0.00', total_amount: '0.02' })]);
    await road.source.commit(20n, t0 + second, [order('confirmed', { subtotal: '0.00', total_amount: '0.02' })]);
    await road.settle();
    expect(road.latest('views.orders', 'order', 'o')).toMatchObject({
      timeline: [{ status: 'pending' }, { status: 'confirmed' }],
      flags: [],
    });
  });
});

describe('catalog', () => {
  const started = async (): Promise<TestRoad> => {
    const road = await TestRoad.open();
    for (const processor of [inventory, pricing, catalog]) await road.start(processor);
    await road.source.commit(10n, t0, [
      { table: 'categories', op: 'r', row: { category_id: 'c0', name: 'All' } },
      { table: 'categories', op: 'r', row: { category_id: 'c1', parent_id: 'c0', name: 'Chairs' } },
      { table: 'tags', op: 'r', row: { tag_id: 't', name: 'colour' } },
      { table: 'vendors', op: 'r', row: { vendor_id: 'v0', name: 'Acme' } },
      { ...product(), op: 'r' },
      { ...variant(), op: 'r' },
      { table: 'product_tags', op: 'r', row: { product_id: 'p', tag_id: 't', value: 'red' } },
      { table: 'product_images', op: 'r', row: { product_id: 'p', image_id: 'i', url: 'u', position: 0 } },
      { table: 'reviews', op: 'r', row: { product_id: 'p', review_id: 'r1', rating: 5, status: 'published' } },
      { table: 'reviews', op: 'r', row: { product_id: 'p', review_id: 'r2', rating: 1, status: 'pending' } },
      {
        table: 'inventory',
        op: 'r',
        row: { product_id: 'p', variant_id: 'p', warehouse_id: 'w', quantity: 40, reserved: 1, low_stock_threshold: 2 },
      },
    ]);
    await road.settle();
    return road;
  };

  test('the document is one commit: emitted once, with price and stock of that commit', async () => {
    const road = await started();
    expect(road.written('views.catalog')).toHaveLength(1);
    expect(road.latest('views.catalog', 'product', 'p')).toEqual({
      tenantId: '00000000-0000-7000-8000-000000000001',
      productId: 'p',
      sku: 'S',
      name: 'Chair',
      description: 'long text',
      status: 'active',
      categoryId: 'c1',
      categoryPath: ['All', 'Chairs'],
      vendorId: 'v0',
      vendor: 'Acme',
      tags: [{ tagId: 't', name: 'colour', value: 'red' }],
      images: [{ imageId: 'i', url: 'u', alt: null }],
      attributes: { seats: 1 },
      variants: [{ variantId: 'p', sku: 'p', name: null, attributes: {}, amount: '20.00', available: 39 }],
      price: { amount: '20.00', currency: 'EUR' },
      stock: { available: 39, status: 'in_stock', soldPerDay: 0 },
      rating: { average: 5, count: 1 },
      createdAt: at(t0),
      updatedAt: at(t0),
    });
  });

  test('a renamed category, tag or vendor re-emits what shows it; unchanged columns keep their value', async () => {
    const road = await started();
    await road.source.commit(20n, t0, [
      { table: 'categories', op: 'u', row: { category_id: 'c0', name: 'Everything' } },
    ]);
    await road.source.commit(30n, t0, [{ table: 'tags', op: 'u', row: { tag_id: 't', name: 'hue' } }]);
    await road.source.commit(40n, t0, [
      product({ name: 'Stool', description: UNCHANGED, attributes: UNCHANGED, base_price: '25.50' }),
    ]);
    await road.settle();
    expect(road.written('views.catalog').map(({ entry }) => entry.lsn)).toEqual([10n, 20n, 30n, 40n]);
    expect(road.latest('views.catalog', 'product', 'p')).toMatchObject({
      name: 'Stool',
      description: 'long text',
      attributes: { seats: 1 },
      categoryPath: ['Everything', 'Chairs'],
      tags: [{ name: 'hue' }],
      price: { amount: '25.50' },
      variants: [{ amount: '25.50' }],
    });
  });

  test('a deleted product is deleted once, and leaves nothing', async () => {
    const road = await started();
    const gone = (table: string, row: Row): TestRow => ({ table, op: 'd', row: { product_id: 'p', ...row } });
    await road.source.commit(20n, t0, [
      gone('products', {}),
      gone('product_variants', { variant_id: 'p' }),
      gone('product_tags', { tag_id: 't' }),
      gone('product_images', { image_id: 'i' }),
      gone('reviews', { review_id: 'r1' }),
      gone('reviews', { review_id: 'r2' }),
      gone('inventory', { variant_id: 'p', warehouse_id: 'w' }),
    ]);
    await road.settle();
    expect(road.latest('views.catalog', 'product', 'p')).toBeNull();
    road.log.compact('views.catalog', { dropTombstones: true });
    const left = road.log.records('views.catalog').map(({ key }) => key?.toString());
    expect(left.filter((key) => key?.includes('/p') === true || key?.endsWith(':p') === true)).toEqual([]);
  });
});
