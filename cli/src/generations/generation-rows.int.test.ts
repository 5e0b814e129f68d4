import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createTestDatabase } from '@millrace/database/testing';
import type { TestDatabase } from '@millrace/database/testing';
import { openGenerationRows } from './generation-rows.ts';
import type { GenerationRows } from './generation-rows.ts';

let database: TestDatabase;
let rows: GenerationRows;
beforeAll(async () => {
  database = await createTestDatabase();
  rows = await openGenerationRows(database.url);
}, 60_000);
afterAll(async () => {
  await rows.close();
  await database.drop();
}, 60_000);

const plain = { rate: null, log: null, reading: null };

test('a reading of the source is known by the same name until its generation is switched to, and nothing else is begun meanwhile', async () => {
  const reading = await rows.beginReading('pricing');
  expect(await rows.beginReading('pricing')).toBe(reading);
  expect(await rows.read('pricing')).toMatchObject({ active: 1, building: null, sourceReading: reading });
  await expect(rows.begin('pricing', plain)).rejects.toMatchObject({ kind: 'conflict' });
  await expect(rows.begin('pricing', { ...plain, log: 2 })).rejects.toMatchObject({ kind: 'conflict' });
  expect(await rows.begin('pricing', { rate: 7, log: 2, reading })).toMatchObject({
    building: 2,
    buildingLog: 2,
    sourceReading: reading,
  });
  await expect(rows.beginReading('pricing')).rejects.toMatchObject({ kind: 'conflict' });
  await rows.activate('pricing', 2);
  expect(await rows.read('pricing')).toMatchObject({ active: 2, building: null, sourceReading: null });
});

test('given up before or after its filling has begun, nothing of it is left, and the next one has another name', async () => {
  const reading = await rows.beginReading('orders');
  await rows.cancel('orders');
  await expect(rows.cancel('orders')).rejects.toThrow('no generation of orders is being filled');
  // The command that had been reading comes too late.
  await expect(rows.begin('orders', { ...plain, log: 2, reading })).rejects.toMatchObject({ kind: 'conflict' });
  const next = await rows.beginReading('orders');
  expect(next).not.toBe(reading);
  await rows.begin('orders', { ...plain, log: 2, reading: next });
  await rows.cancel('orders');
  expect(await rows.read('orders')).toMatchObject({ building: null, buildingLog: null, sourceReading: null });
});

test('a position that is asked for is past every commit before it', async () => {
  const before = await rows.positionNow('none');
  await rows.begin('carts', plain);
  expect(await rows.positionNow('none')).toBeGreaterThan(before);
});
