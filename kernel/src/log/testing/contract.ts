import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { PlatformError } from '../../errors/index.ts';
import type { LogClient } from '../index.ts';
import { atLeast, bytes, openWriter, partitionsOf, readAll, readUntil, record } from './reading.ts';

/** What an adapter may say it lacks. Everything else of the port it must show. */
export type Guarantee =
  /** Offsets between two appends of the only writer have no gap. */
  | 'gapless'
  /** A topic is told from another of its name. */
  | 'identity'
  /** Holes left by compaction can be made and are passed. */
  | 'compaction';

export interface LogUnderTest {
  /** A further client of the same log, as another process would hold; closed by the suite. */
  client(): LogClient;
  /** A topic name not used before. */
  topic(): string;
  /** Compacts now, if this log can be told to. */
  compact?(topic: string): void;
  close(): Promise<void>;
}

async function failure(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => 'no error',
    (caught: unknown) => caught,
  );
  return error instanceof PlatformError ? error.kind : String(error);
}

/** The one contract of the log port (`port.ts`), run against every adapter. */
export function logContract(name: string, start: () => Promise<LogUnderTest>, lacks: readonly Guarantee[] = []): void {
  describe(`${name} keeps the log's contract`, () => {
    let log: LogUnderTest;
    let client: LogClient;
    const clients: LogClient[] = [];
    const another = (): LogClient => {
      const made = log.client();
      clients.push(made);
      return made;
    };
    const makeTopic = async (partitions: number, config?: Record<string, string>): Promise<string> => {
      const topic = log.topic();
      await client.admin.ensureTopics([{ topic, partitions, ...(config === undefined ? {} : { config }) }]);
      return topic;
    };
    const gapless = (offsets: readonly bigint[]): void => {
      const rising = offsets.every((offset, index) => index === 0 || offset > (offsets[index - 1] ?? 0n));
      expect(rising).toBe(true);
      if (!lacks.includes('gapless') && offsets.length > 0) {
        expect(offsets.at(-1)).toBe((offsets[0] ?? 0n) + BigInt(offsets.length - 1));
      }
    };

    beforeAll(async () => {
      log = await start();
      client = another();
    }, 60_000);
    afterAll(async () => {
      await Promise.all(clients.map((made) => made.close()));
      await log.close();
    }, 60_000);

    test('creates topics once, and refuses another number of partitions', async () => {
      const topic = log.topic();
      expect(await client.admin.ensureTopics([{ topic, partitions: 2 }])).toEqual({ created: [topic] });
      expect(await client.admin.ensureTopics([{ topic, partitions: 2 }])).toEqual({ created: [] });
      expect(await failure(client.admin.ensureTopics([{ topic, partitions: 3 }]))).toBe('conflict');
      expect(await client.admin.listTopics()).toContain(topic);
      expect(await client.admin.offsets(topic)).toEqual([
        { partition: 0, start: 0n, end: 0n },
        { partition: 1, start: 0n, end: 0n },
      ]);
      await client.admin.deleteTopics([topic]);
      expect(await failure(client.admin.offsets(topic))).toBe('topic-missing');
    }, 30_000);

    test('tells a topic from a later one of its name, where it tells at all', async () => {
      const topic = await makeTopic(1);
      const first = await client.admin.identity(topic);
      expect(await another().admin.identity(topic)).toBe(first);
      expect(await client.admin.identity(await makeTopic(1))).not.toBe(first ?? '');
      await client.admin.deleteTopics([topic]);
      await client.admin.ensureTopics([{ topic, partitions: 1 }]);
      expect(await client.admin.identity(topic)).not.toBe(first ?? '');
      if (!lacks.includes('identity')) expect(first).toMatch(/^.+\/.+$/);
    }, 30_000);

    test('refuses to write or read what does not exist', async () => {
      const topic = log.topic();
      expect(await failure(openWriter(client, [{ topic, partition: 0 }]))).toBe('topic-missing');
      const reader = client.createReader();
      reader.assign([{ topic, partition: 0, offset: 0n }]);
      expect(await failure(reader.poll(30_000))).toBe('topic-missing');
      await reader.close();
    }, 60_000);

    test('writes a barrier with the epoch in each partition, and says where', async () => {
      const topic = await makeTopic(2);
      const writer = await openWriter(client, partitionsOf(topic, 2));
      expect(writer.ends).toEqual(partitionsOf(topic, 2).map((at) => ({ ...at, barrierOffset: 0n, startOffset: 0n })));
      const read = await readAll(client, topic);
      expect(read.map(({ partition, offset, key, value }) => ({ partition, offset, key, value }))).toEqual(
        [0, 1].map((partition) => ({ partition, offset: 0n, key: '_barrier', value: String(writer.epoch) })),
      );
      await writer.close();
    }, 30_000);

    test('appends batches of several partitions in one call, with keys, tombstones, headers and empty values', async () => {
      const topic = await makeTopic(3);
      const writer = await openWriter(client, partitionsOf(topic, 3));
      const results = await writer.append([
        { topic, partition: 2, records: [record('a'), { ...record('a', null) }, record('ü/ß', '')] },
        {
          topic,
          partition: 0,
          records: [
            {
              ...record('b'),
              headers: [
                ['origin', bytes('x')],
                ['empty', bytes('')],
              ],
            },
          ],
        },
      ]);
      expect(results.map(({ topic: at, partition }) => [at, partition])).toEqual([
        [topic, 2],
        [topic, 0],
      ]);
      const base = results[0]?.baseOffset ?? 0n;
      const reader = client.createReader();
      reader.assign([
        { topic, partition: 2, offset: base },
        { topic, partition: 0, offset: results[1]?.baseOffset ?? 0n },
      ]);
      const read = await readUntil(reader, atLeast(4));
      expect(read.filter(({ partition }) => partition === 2)).toEqual([
        { partition: 2, offset: base, key: 'a', value: 'a', headers: [] },
        { partition: 2, offset: base + 1n, key: 'a', value: null, headers: [] },
        { partition: 2, offset: base + 2n, key: 'ü/ß', value: '', headers: [] },
      ]);
      expect(read.find(({ partition }) => partition === 0)?.headers).toEqual([
        ['origin', 'x'],
        ['empty', ''],
      ]);
      await reader.close();
    }, 30_000);

    test('keeps the order of the calls, each once, with many in flight', async () => {
      const topic = await makeTopic(2);
      const writer = await openWriter(client, partitionsOf(topic, 2));
      const results = await Promise.all(
        Array.from({ length: 60 }, (_, call) =>
          writer.append(
            partitionsOf(topic, 2).map((at) => ({ ...at, records: [record(`${call}`), record(`${call}+`)] })),
          ),
        ),
      );
      const reader = client.createReader();
      reader.assign(partitionsOf(topic, 2).map((at) => ({ ...at, offset: 1n })));
      const read = await readUntil(reader, atLeast(240));
      for (const partition of [0, 1]) {
        const mine = read.filter((found) => found.partition === partition);
        expect(mine.map(({ key }) => key)).toEqual(
          Array.from({ length: 60 }, (_, call) => [`${call}`, `${call}+`]).flat(),
        );
        gapless(mine.map(({ offset }) => offset));
        expect(results.map((result) => result[partition]?.baseOffset)).toEqual(
          mine.filter((_, index) => index % 2 === 0).map(({ offset }) => offset),
        );
      }
      await reader.close();
      await writer.close();
    }, 60_000);

    test('refuses two batches for one partition, an empty one, and what it was not opened for, and appends nothing of it', async () => {
      const topic = await makeTopic(2);
      const batch = { topic, partition: 0, records: [record('a')] };
      for (const wrong of [
        [batch, batch],
        [batch, { topic, partition: 1, records: [record('b')] }],
        [{ ...batch, records: [] }],
      ]) {
        const writer = await openWriter(client, partitionsOf(topic, 1));
        expect(await failure(writer.append(wrong))).toBe('internal');
        await writer.close();
      }
      expect((await readAll(client, topic)).map(({ key }) => key)).toEqual(['_barrier', '_barrier', '_barrier']);
    }, 60_000);

    test('refuses an older writer once a newer has opened', async () => {
      const topic = await makeTopic(2);
      const older = await openWriter(client, partitionsOf(topic, 2));
      await older.append([{ topic, partition: 0, records: [record('before')] }]);
      const newer = await openWriter(another(), partitionsOf(topic, 2));
      expect(newer.epoch).toBeGreaterThan(older.epoch);
      expect(await failure(older.append([{ topic, partition: 0, records: [record('zombie')] }]))).toBe('log-fenced');
      expect(await failure(older.append([{ topic, partition: 1, records: [record('zombie')] }]))).toBe('log-fenced');
      await newer.append([{ topic, partition: 0, records: [record('after')] }]);
      const keys = (await readAll(client, topic)).filter(({ partition }) => partition === 0).map(({ key }) => key);
      expect(keys).toEqual(['_barrier', 'before', '_barrier', 'after']);
    }, 60_000);

    test('leaves writers of other names alone', async () => {
      const topic = await makeTopic(2);
      const first = await openWriter(client, [{ topic, partition: 0 }], `${topic}-first`);
      await openWriter(client, [{ topic, partition: 1 }], `${topic}-second`);
      expect(await failure(first.append([{ topic, partition: 0, records: [record('a')] }]))).toBe('no error');
    }, 30_000);

    test('shows a restarted writer, below its barrier, all that was appended before', async () => {
      const topic = await makeTopic(1);
      const first = await openWriter(client, partitionsOf(topic, 1));
      for (const key of ['a', 'b']) await first.append([{ topic, partition: 0, records: [record(key)] }]);
      const restarted = another();
      const { ends } = await openWriter(restarted, partitionsOf(topic, 1));
      const barrierOffset = ends[0]?.barrierOffset ?? 0n;
      const reader = restarted.createReader();
      reader.assign([{ topic, partition: 0, offset: ends[0]?.startOffset ?? 0n }]);
      const read = await readUntil(reader, (found) => found.some(({ offset }) => offset === barrierOffset));
      expect(read.map(({ key }) => key)).toEqual(['_barrier', 'a', 'b', '_barrier']);
      await reader.close();
    }, 30_000);

    test('wakes a waiting poll when records come', async () => {
      const topic = await makeTopic(1);
      const writer = await openWriter(client, partitionsOf(topic, 1));
      const reader = client.createReader();
      reader.assign([{ topic, partition: 0, offset: 1n }]);
      const waiting = readUntil(reader, atLeast(1));
      await writer.append([{ topic, partition: 0, records: [record('a')] }]);
      expect((await waiting).map(({ key }) => key)).toEqual(['a']);
      await reader.close();
    }, 30_000);

    test('ends a waiting poll with nothing when its signal aborts', async () => {
      const topic = await makeTopic(1);
      const reader = client.createReader();
      reader.assign([{ topic, partition: 0, offset: 0n }]);
      const controller = new AbortController();
      const waiting = reader.poll(30_000, controller.signal);
      controller.abort();
      expect(await waiting).toEqual([]);
      expect(await reader.poll(30_000, controller.signal)).toEqual([]);
      await reader.close();
    }, 30_000);

    test('gives nothing of a paused partition, and all of it once resumed', async () => {
      const topic = await makeTopic(2);
      const writer = await openWriter(client, partitionsOf(topic, 2));
      const reader = client.createReader();
      reader.assign(partitionsOf(topic, 2).map((at) => ({ ...at, offset: 1n })));
      reader.pause([{ topic, partition: 0 }]);
      for (const key of ['a', 'b']) {
        await writer.append(partitionsOf(topic, 2).map((at) => ({ ...at, records: [record(key)] })));
        const read = await readUntil(reader, atLeast(1));
        expect(read.map(({ partition, key: found }) => [partition, found])).toEqual([[1, key]]);
      }
      reader.resume([{ topic, partition: 0 }]);
      const read = await readUntil(reader, atLeast(2));
      expect(read.map(({ partition, key }) => [partition, key])).toEqual([
        [0, 'a'],
        [0, 'b'],
      ]);
      await reader.close();
    }, 60_000);

    test('begins at the asked offset, also in the middle of a batch, and again elsewhere when assigned anew', async () => {
      const topic = await makeTopic(1);
      const writer = await openWriter(client, partitionsOf(topic, 1));
      const keys = Array.from({ length: 10 }, (_, index) => `${index}`);
      const [appended] = await writer.append([{ topic, partition: 0, records: keys.map((key) => record(key)) }]);
      const base = appended?.baseOffset ?? 0n;
      const reader = client.createReader();
      for (const from of [6, 2, 9]) {
        reader.assign([{ topic, partition: 0, offset: base + BigInt(from) }]);
        const read = await readUntil(reader, atLeast(10 - from));
        expect(read.map(({ key }) => key)).toEqual(keys.slice(from));
        expect(read[0]?.offset).toBe(base + BigInt(from));
      }
      await reader.close();
    }, 60_000);

    test('takes further partitions, and forgets some, while it reads', async () => {
      const topic = await makeTopic(2);
      const writer = await openWriter(client, partitionsOf(topic, 2));
      const reader = client.createReader();
      reader.assign([{ topic, partition: 0, offset: 0n }]);
      expect((await readUntil(reader, atLeast(1))).map(({ partition }) => partition)).toEqual([0]);
      const waiting = readUntil(reader, atLeast(1));
      reader.assign([{ topic, partition: 1, offset: 0n }]);
      expect((await waiting).map(({ partition }) => partition)).toEqual([1]);
      reader.unassign([{ topic, partition: 0 }]);
      await writer.append(partitionsOf(topic, 2).map((at) => ({ ...at, records: [record('a')] })));
      expect((await readUntil(reader, atLeast(1))).map(({ partition, key }) => [partition, key])).toEqual([[1, 'a']]);
      await reader.close();
    }, 60_000);

    test('refuses an offset the log does not hold', async () => {
      const topic = await makeTopic(1);
      await openWriter(client, partitionsOf(topic, 1));
      const reader = client.createReader();
      reader.assign([{ topic, partition: 0, offset: 1_000n }]);
      expect(await failure(reader.poll(30_000))).toBe('log-offset-out-of-range');
      reader.assign([{ topic, partition: 0, offset: 0n }]);
      expect((await readUntil(reader, atLeast(1))).map(({ key }) => key)).toEqual(['_barrier']);
      await reader.close();
    }, 30_000);

    test('carries records of 1 MB where the topic allows it, also past a small reader, and refuses larger ones', async () => {
      const topic = await makeTopic(2, { 'max.message.bytes': '3000000' });
      const writer = await openWriter(client, partitionsOf(topic, 2));
      const large = Buffer.alloc(1_048_576, 'x');
      const batch = {
        topic,
        partition: 0,
        records: [
          { key: bytes('a'), value: large },
          { key: bytes('b'), value: large },
        ],
      };
      await writer.append([batch]);
      const reader = client.createReader({ maxBytes: 1_000 });
      reader.assign([{ topic, partition: 0, offset: 1n }]);
      const read = await readUntil(reader, atLeast(2));
      expect(read.map(({ value }) => value?.length)).toEqual([1_048_576, 1_048_576]);
      const tooLarge = { topic, partition: 1, records: [{ key: bytes('c'), value: Buffer.alloc(3_100_000) }] };
      expect(await failure(writer.append([tooLarge]))).toBe('log-record-too-large');
      expect(await failure(writer.append([batch]))).toBe('log-record-too-large');
      await reader.close();
    }, 60_000);

    test('says where the log ends and where to go on, and lets a batch be iterated twice', async () => {
      const topic = await makeTopic(1);
      const writer = await openWriter(client, partitionsOf(topic, 1));
      await writer.append([{ topic, partition: 0, records: [record('a'), record('b')] }]);
      const reader = client.createReader();
      reader.assign([{ topic, partition: 0, offset: 1n }]);
      const [batch] = await reader.poll(30_000);
      const keys = (): unknown[] => [...(batch?.records ?? [])].map(({ key }) => key?.toString());
      expect(keys()).toEqual(['a', 'b']);
      expect(keys()).toEqual(['a', 'b']);
      expect(batch?.byteLength).toBeGreaterThan(0);
      expect(batch?.nextOffset).toBeGreaterThanOrEqual(3n);
      expect(batch?.highWatermark).toBeGreaterThanOrEqual(3n);
      await reader.close();
    }, 30_000);

    if (!lacks.includes('compaction')) {
      test('goes on past the holes that compaction leaves', async () => {
        const topic = await makeTopic(1);
        const writer = await openWriter(client, partitionsOf(topic, 1));
        for (const value of ['1', '2', '3']) {
          await writer.append([{ topic, partition: 0, records: [record('a', value), record(`b${value}`)] }]);
        }
        log.compact?.(topic);
        const reader = client.createReader();
        reader.assign([{ topic, partition: 0, offset: 1n }]);
        const read = await readUntil(reader, atLeast(4));
        expect(read.map(({ offset, value }) => [offset, value])).toEqual([
          [2n, 'b1'],
          [4n, 'b2'],
          [5n, '3'],
          [6n, 'b3'],
        ]);
        await reader.close();
      }, 30_000);
    }
  });
}
