import { expect, test } from '@jest/globals';
import { capturedTables, cdcTopics } from '@millrace/schemas/topics';
import { loadConfig } from '@millrace/kernel/config';
import { settings } from '../config.ts';
import { parseDeclaration, shopDeclaration } from './index.ts';

const parse = (file: unknown) => parseDeclaration(JSON.stringify(file));

test('tables of any schema go to topics of any aggregate', () => {
  const declaration = parse({
    topics: { 'cdc.settings': { partitions: 1 } },
    tables: [
      { table: 'sales.Orders', topic: 'cdc.sales', aggregateColumn: 'id' },
      { table: 'app.flags', topic: 'cdc.settings', aggregateColumn: 'name' },
      { table: 'other.flags', topic: 'cdc.sales', aggregateColumn: 'name' },
    ],
  });
  expect(declaration.tables[0]).toEqual({
    schema: 'sales',
    table: 'Orders',
    topic: 'cdc.sales',
    aggregateColumn: 'id',
  });
  expect(declaration.topics).toEqual([
    { topic: 'cdc.sales', partitions: null },
    { topic: 'cdc.settings', partitions: 1 },
  ]);
});

test('every problem is named together', () => {
  const table = (name: string, topic = 'cdc.a') => ({ table: name, topic, aggregateColumn: 'id' });
  expect(() =>
    parse({ topics: { 'cdc.unused': {} }, tables: [table('a.x'), table('a.x'), table('b.x'), table('a._y')] }),
  ).toThrow(
    "topics.cdc.unused: no table goes there | a.x is named twice | b.x has the name of another schema's table in cdc.a: " +
      "their keys would be the same | a._y begins with _, and such keys are the platform's own",
  );
  expect(() => parse({ tables: [table('x'), table('a.x', 'orders'), { ...table('a.y'), more: 1 }] })).toThrow(
    /tables\.0\.table: a table is named schema\.table \| tables\.1\.topic: a topic is named cdc\.<aggregate> \| tables\.2/,
  );
  expect(() => parse({ tables: [] })).toThrow('names no table');
  expect(() => parseDeclaration('{')).toThrow('not JSON');
});

test('a file that is not there is a problem of its setting; without one the shop is captured', () => {
  expect(() => loadConfig(settings, { CAPTURE_TABLES: '/nowhere/tables.json' })).toThrow(
    'CAPTURE_TABLES: /nowhere/tables.json cannot be read',
  );
  const { captureTables } = loadConfig(settings, {});
  expect(captureTables).toEqual({ file: null, declaration: shopDeclaration });
  expect(shopDeclaration.tables).toBe(capturedTables);
  expect(shopDeclaration.topics.map(({ topic }) => topic)).toEqual(cdcTopics);
  expect(shopDeclaration.topics.filter(({ partitions }) => partitions === 1)).toEqual([
    { topic: 'cdc.reference', partitions: 1 },
  ]);
});
