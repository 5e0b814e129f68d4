import { describe, expect, test } from '@jest/globals';
import { firstOnly } from '@millrace/schemas/generations';
import type { GenerationRows, ViewGenerations } from '@millrace/schemas/generations';
import type { ViewName } from '@millrace/schemas/stores';
import { processors } from '../processors/index.ts';
import { isFilled, leftOverTopics, logProcessors } from './view-logs.ts';

const rowsOf = (rows: Partial<Record<ViewName, Partial<ViewGenerations>>>): GenerationRows =>
  new Map(Object.entries(rows).map(([view, row]) => [view as ViewName, { ...firstOnly, ...row }]));
const outputs = (rows: GenerationRows): string[] =>
  logProcessors(processors, rows).map(({ processor }) => processor.output);

describe('the logs that are kept', () => {
  test('are the first ones until a row says otherwise', () => {
    expect(outputs(new Map()).sort()).toEqual(processors.map(({ output }) => output).sort());
  });

  test('a log that is filled has a writer of its own, which reads what the row says it is made from', () => {
    const rows = rowsOf({
      catalog: { building: 4, buildingLog: 4, last: 4, logInputs: { 4: { pricing: 3 } } },
      pricing: { active: 3, activeLog: 3, last: 3 },
    });
    const filling = logProcessors(processors, rows).find(({ processor }) => processor.output === 'views.catalog.g4');
    expect(filling?.processor.name).toBe('catalog.g4');
    expect(filling?.processor.inputs.map(({ topic }) => topic)).toEqual(
      expect.arrayContaining(['cdc.catalog', 'views.pricing.g3', 'views.inventory']),
    );
    expect(filling === undefined ? null : isFilled(filling, rows)).toBe(true);
  });

  test('one that no generation holds goes on while another log is made from it, and not longer', () => {
    const switched = { active: 3, activeLog: 3, last: 3 };
    expect(outputs(rowsOf({ pricing: switched }))).toEqual(
      expect.arrayContaining(['views.pricing', 'views.pricing.g3', 'views.catalog']),
    );
    const both = outputs(
      rowsOf({ pricing: switched, catalog: { active: 2, activeLog: 2, last: 2, logInputs: { 2: { pricing: 3 } } } }),
    );
    expect(both).not.toContain('views.pricing');
    expect(both).not.toContain('views.catalog');
    expect(both).toEqual(expect.arrayContaining(['views.pricing.g3', 'views.catalog.g2', 'views.inventory']));
  });

  test('a switch and a rollback change no writer', () => {
    const before = rowsOf({ orders: { building: 2, buildingLog: 2, last: 2 } });
    const after = rowsOf({ orders: { active: 2, activeLog: 2, previous: 1, previousLog: 1, last: 2 } });
    expect(outputs(after).sort()).toEqual(outputs(before).sort());
    const [one] = logProcessors(processors, after).filter(({ processor }) => processor.output === 'views.orders.g2');
    expect(one === undefined ? null : isFilled(one, after)).toBe(false);
  });
});

test('topics of logs that nobody keeps are left over, but not the first, nor those whose row has not come yet', () => {
  const rows = rowsOf({ orders: { active: 3, activeLog: 3, last: 4 } });
  const topics = [
    'views.orders',
    'views.orders.dlq',
    ...[2, 3, 5].flatMap((n) => [`views.orders.g${n}`, `views.orders.g${n}.dlq`]),
  ];
  const all = [...topics.map((topic) => `a.${topic}`), 'b.views.orders.g2', 'a.cdc.orders'];
  expect(leftOverTopics(all, 'a.', rows, logProcessors(processors, rows))).toEqual([
    'a.views.orders.g2',
    'a.views.orders.g2.dlq',
  ]);
});
