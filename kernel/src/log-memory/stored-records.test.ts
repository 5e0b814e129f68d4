import { expect, test } from '@jest/globals';
import { rangesOf, storedRecords } from '../log/index.ts';
import type { LogRange } from '../log/index.ts';
import { openWriter, partitionsOf, record } from '../log/testing/reading.ts';
import { MemoryLog } from './index.ts';

const topic = 'letters';

async function filledLog(): Promise<MemoryLog> {
  const log = new MemoryLog({ topics: [{ topic, partitions: 2 }] });
  const writer = await openWriter(log, partitionsOf(topic, 2));
  for (const key of ['a', 'b', 'c']) await writer.append([{ topic, partition: 0, records: [record(key)] }]);
  await writer.append([{ topic, partition: 1, records: [record('d')] }]);
  return log;
}

async function keysIn(log: MemoryLog, ranges: readonly LogRange[]): Promise<string[]> {
  const keys: string[] = [];
  for await (const { partition, record } of storedRecords(log.client(), ranges)) {
    keys.push(`${partition}/${record.key?.toString() ?? ''}`);
  }
  return keys;
}

test('a topic is read partition by partition, each in order, to the end that it had', async () => {
  const log = await filledLog();
  const ranges = await rangesOf(log.client(), topic);
  expect(await keysIn(log, ranges)).toEqual(['0/_barrier', '0/a', '0/b', '0/c', '1/_barrier', '1/d']);
});

test('of a range nothing before it and nothing from its end on is given, and an empty one gives nothing', async () => {
  const log = await filledLog();
  expect(await keysIn(log, [{ topic, partition: 0, offset: 1n, end: 3n }])).toEqual(['0/a', '0/b']);
  expect(await keysIn(log, [{ topic, partition: 0, offset: 2n, end: 2n }])).toEqual([]);
});

test('whoever has seen enough leaves, and the reader is closed', async () => {
  const log = await filledLog();
  for await (const { record } of storedRecords(log.client(), await rangesOf(log.client(), topic))) {
    expect(record.key?.toString()).toBe('_barrier');
    break;
  }
  expect(await keysIn(log, [{ topic, partition: 1, offset: 1n, end: 2n }])).toEqual(['1/d']);
});
