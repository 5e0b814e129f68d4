import { describe, expect, test } from '@jest/globals';
import { PlatformError } from '../errors/index.ts';
import { logContract } from '../log/testing/contract.ts';
import { atLeast, openWriter, partitionsOf, readUntil, record } from '../log/testing/reading.ts';
import { MemoryLog } from './index.ts';

logContract('MemoryLog', () => {
  const log = new MemoryLog();
  let topics = 0;
  return Promise.resolve({
    client: () => log.client(),
    topic: () => `topic-${++topics}`,
    compact: (topic: string) => log.compact(topic),
    close: () => log.close(),
  });
});

describe('MemoryLog', () => {
  const topic = 'views';
  const at = { topic, partition: 0 };
  const make = (): MemoryLog => new MemoryLog({ topics: [{ topic, partitions: 1 }] });

  test('loses nothing but the answer when a failure is ordered after the append', async () => {
    const log = make();
    const writer = await openWriter(log, partitionsOf(topic, 1));
    log.hooks = {
      afterAppend: () => {
        throw new Error('cut');
      },
    };
    await expect(writer.append([{ ...at, records: [record('a')] }])).rejects.toMatchObject({
      kind: 'log-unknown-outcome',
    });
    log.hooks = {};
    await expect(writer.append([{ ...at, records: [record('b')] }])).rejects.toMatchObject({
      kind: 'log-unknown-outcome',
    });
    expect(log.records(topic).map(({ key }) => key?.toString())).toEqual(['_barrier', 'a']);
  });

  test('appends nothing when a failure is ordered before', async () => {
    const log = make();
    const writer = await openWriter(log, partitionsOf(topic, 1));
    log.hooks = { beforeAppend: () => Promise.reject(new PlatformError('log-fenced', 'as ordered')) };
    await expect(writer.append([{ ...at, records: [record('a')] }])).rejects.toMatchObject({ kind: 'log-fenced' });
    expect(log.records(topic)).toHaveLength(1);
  });

  test('lets a waiting poll answer with nothing when told to', async () => {
    const log = make();
    const reader = log.createReader();
    reader.assign([{ ...at, offset: 0n }]);
    const waiting = reader.poll(1_000);
    await Promise.resolve();
    log.wake();
    expect(await waiting).toEqual([]);
    expect(await reader.poll(0)).toEqual([]);
  });

  test('overwrites what it handed out at the next poll', async () => {
    const log = make();
    const writer = await openWriter(log, partitionsOf(topic, 1));
    const reader = log.createReader();
    reader.assign([{ ...at, offset: 0n }]);
    const [batch] = await reader.poll(1_000);
    const kept = [...(batch?.records ?? [])][0]?.key;
    expect(kept?.toString()).toBe('_barrier');
    await writer.append([{ ...at, records: [record('a')] }]);
    await readUntil(reader, atLeast(1));
    expect(kept?.toString()).not.toBe('_barrier');
  });

  test('refuses offsets that retention dropped, and passes a tail of dropped tombstones', async () => {
    const log = make();
    const writer = await openWriter(log, partitionsOf(topic, 1));
    await writer.append([{ ...at, records: [record('a'), record('a', null)] }]);
    log.compact(topic, { dropTombstones: true });
    const reader = log.createReader();
    reader.assign([{ ...at, offset: 1n }]);
    const [batch] = await reader.poll(1_000);
    expect([...(batch?.records ?? [])]).toEqual([]);
    expect(batch?.nextOffset).toBe(3n);
    log.trim(at, 2n);
    reader.assign([{ ...at, offset: 1n }]);
    await expect(reader.poll(1_000)).rejects.toMatchObject({ kind: 'log-offset-out-of-range' });
  });
});
