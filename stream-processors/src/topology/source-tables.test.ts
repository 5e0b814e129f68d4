import { expect, test } from '@jest/globals';
import { processors } from '../processors/index.ts';
import { sourceTables } from './source-tables.ts';

test('a view is made from the tables of every view that it reads, reference data first', () => {
  const tables = new Map(sourceTables(processors, 'views.catalog').map(({ topic, tables }) => [topic, tables]));
  expect([...tables.keys()]).toEqual(['cdc.reference', 'cdc.catalog']);
  // Its own, those of the prices and those of the stock.
  expect(tables.get('cdc.reference')).toEqual(['categories', 'price_rules', 'tags', 'vendors']);
  expect(tables.get('cdc.catalog')).toEqual(
    expect.arrayContaining(['products', 'product_images', 'prices', 'inventory', 'reservations']),
  );
  const recommendations = sourceTables(processors, 'views.recommendations').flatMap(({ tables: names }) => names);
  expect(recommendations).toEqual(expect.arrayContaining(['orders', 'order_items', 'products']));
});

test('every table that a processor reads is of its own view, and none is named twice', () => {
  for (const { output, inputs } of processors) {
    const named = sourceTables(processors, output).flatMap(({ topic, tables }) =>
      tables.map((one) => `${topic}/${one}`),
    );
    expect(new Set(named).size).toBe(named.length);
    for (const input of inputs) {
      if (input.from === 'cdc') for (const one of input.tables) expect(named).toContain(`${input.topic}/${one}`);
    }
  }
});

test('views that read each other end, and a view that nobody writes has no tables', () => {
  const circle = processors.map((processor) => ({
    ...processor,
    inputs: [...processor.inputs, { from: 'view' as const, topic: 'views.catalog' as const, kinds: [] }],
  }));
  expect(sourceTables(circle, 'views.pricing').map(({ topic }) => topic)).toEqual(['cdc.reference', 'cdc.catalog']);
  expect(sourceTables(processors, 'views.nobody')).toEqual([]);
});
