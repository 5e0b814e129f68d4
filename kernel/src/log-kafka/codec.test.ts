import { createRequire } from 'node:module';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { LogRecord } from '../log/index.ts';
import { BatchRecords, scanBatches } from './batch-decoder.ts';
import { encodeBatch } from './batch-encoder.ts';
import { ByteReader, ByteWriter, varintSize, writeVarint } from './bytes.ts';
import { fetchRequest } from './fetch.ts';
import { produceRequest } from './produce.ts';

interface KafkajsEncoder {
  readonly buffer: Buffer;
}

interface KafkajsRecord {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer | Buffer[]>>;
}

const require = createRequire(import.meta.url);
const Decoder = require('kafkajs/src/protocol/decoder') as new (buffer: Buffer) => object;
const decodeByKafkajs = require('kafkajs/src/protocol/recordBatch/v0/decoder') as (decoder: object) => Promise<{
  readonly producerId: string;
  readonly producerEpoch: number;
  readonly inTransaction: boolean;
  readonly records: readonly KafkajsRecord[];
}>;
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0') as {
  readonly RecordBatch: (options: object) => Promise<KafkajsEncoder>;
};
const encodeRecord = require('kafkajs/src/protocol/recordBatch/record/v0') as (options: object) => KafkajsEncoder;
const kafkajsFetch = require('kafkajs/src/protocol/requests/fetch/v11/request') as (options: object) => {
  readonly encode: () => Promise<KafkajsEncoder>;
};
const kafkajsProduce = require('kafkajs/src/protocol/requests/produce/v7/request') as (options: object) => {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly encode: () => Promise<KafkajsEncoder>;
};

const stamp = {
  timestampMs: 1_700_000_000_123,
  producerId: 4_000_000_007n,
  producerEpoch: 12,
  baseSequence: 2_147_483_600,
};
const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
/** No index (objects reorder them) and no name that every object has: kafkajs keeps headers in a plain object. */
const headerName = fc.string({ minLength: 1, maxLength: 12 }).filter((name) => !(name in {}) && !/^\d+$/.test(name));
const logRecord: fc.Arbitrary<LogRecord> = fc
  .record({
    key: fc.option(bytes(40)),
    value: fc.option(fc.oneof({ weight: 9, arbitrary: bytes(40) }, fc.constant(Buffer.alloc(8_300, 7)))),
    headers: fc.uniqueArray(fc.tuple(headerName, bytes(10)), { maxLength: 3, selector: ([name]) => name }),
  })
  .map(({ headers, ...record }) => (headers.length === 0 ? record : { ...record, headers }));
const logRecords = fc.array(logRecord, { minLength: 1, maxLength: 90 });

/** A batch as the broker stores it: with its offset. */
function at(batch: Buffer, offset: bigint): Buffer {
  const stored = Buffer.from(batch);
  stored.writeBigInt64BE(offset, 0);
  return stored;
}

function read(buffer: Buffer, fromOffset: bigint): unknown[] {
  const { starts } = scanBatches(buffer, fromOffset);
  return [...new BatchRecords(buffer, starts, fromOffset)].map(({ offset, timestampMs, key, value, headers }) => ({
    offset,
    timestampMs,
    key,
    value,
    headers,
  }));
}

const asRead = (records: readonly LogRecord[], baseOffset: bigint): unknown[] =>
  records.map(({ key, value, headers }, index) => ({
    offset: baseOffset + BigInt(index),
    timestampMs: stamp.timestampMs,
    key,
    value,
    headers: headers ?? [],
  }));

describe('the record batch codec', () => {
  test('writes what kafkajs reads', async () => {
    await fc.assert(
      fc.asyncProperty(logRecords, async (records) => {
        const batch = await decodeByKafkajs(new Decoder(at(encodeBatch(records, stamp), 500n)));
        expect(batch).toMatchObject({ producerId: '4000000007', producerEpoch: 12, inTransaction: false });
        expect(batch.records).toHaveLength(records.length);
        for (const [index, { key, value, headers }] of records.entries()) {
          const found = batch.records[index];
          expect(found).toMatchObject({ offset: `${500 + index}`, timestamp: `${stamp.timestampMs}` });
          expect([found?.key, found?.value]).toEqual([key, value]);
          expect(Object.entries(found?.headers ?? {})).toEqual(headers ?? []);
        }
      }),
      { numRuns: 25 },
    );
  });

  test('reads what kafkajs writes, with times of their own', async () => {
    const timed = fc.tuple(logRecord, fc.integer({ min: -1_000_000, max: 9_000_000_000 }));
    await fc.assert(
      fc.asyncProperty(fc.array(timed, { minLength: 1, maxLength: 60 }), async (records) => {
        const encoded = records.map(([{ key, value, headers }, timestampDelta], offsetDelta) =>
          encodeRecord({ key, value, timestampDelta, offsetDelta, headers: Object.fromEntries(headers ?? []) }),
        );
        const batch = await RecordBatch({
          firstTimestamp: stamp.timestampMs,
          maxTimestamp: stamp.timestampMs,
          lastOffsetDelta: records.length - 1,
          records: encoded,
        });
        const expected = asRead(
          records.map(([record]) => record),
          0n,
        ).map((record, index) => ({
          ...(record as object),
          timestampMs: stamp.timestampMs + (records[index]?.[1] ?? 0),
        }));
        expect(read(batch.buffer, 0n)).toEqual(expected);
      }),
      { numRuns: 25 },
    );
  });

  test('reads back several batches from any offset, and leaves a cut one for later', () => {
    fc.assert(
      fc.property(fc.array(logRecords, { minLength: 1, maxLength: 4 }), fc.nat(), fc.nat(), (batches, skip, cut) => {
        let end = 10n;
        const all: unknown[] = [];
        const stored = batches.map((records) => {
          const batch = at(encodeBatch(records, stamp), end);
          all.push(...asRead(records, end));
          end += BigInt(records.length);
          return batch;
        });
        const fromOffset = 10n + BigInt(skip % all.length);
        const whole = Buffer.concat(stored);
        expect(read(whole, fromOffset)).toEqual(all.slice(Number(fromOffset - 10n)));
        expect(scanBatches(whole, fromOffset)).toMatchObject({ nextOffset: end, byteLength: whole.length });
        const last = stored.at(-1) as Buffer;
        const shorter = whole.subarray(0, whole.length - 1 - (cut % last.length));
        expect(scanBatches(shorter, 10n).nextOffset).toBe(end - BigInt(batches.at(-1)?.length ?? 0));
      }),
      { numRuns: 15 },
    );
  });

  test('refuses a damaged batch and an unknown compression', () => {
    const batch = at(encodeBatch([{ key: null, value: Buffer.from('abc') }], stamp), 0n);
    const damaged = Buffer.from(batch);
    damaged[70] = (damaged[70] ?? 0) ^ 1;
    expect(() => scanBatches(damaged, 0n)).toThrow('damaged (CRC)');
    batch[22] = 4;
    const views = new BatchRecords(batch, [0], 0n);
    expect(() => [...views]).toThrow('zstd');
  });
});

describe('the wire codec', () => {
  test('writes varints of the size it says', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.nat(), fc.constantFrom(0, 63, 64, 8_191, 8_192, 1_048_575, 1_048_576, 134_217_727)),
        (value) => {
          const buffer = Buffer.alloc(6);
          expect(writeVarint(buffer, 0, value)).toBe(varintSize(value));
        },
      ),
    );
  });

  test('reads back what it writes', () => {
    const writer = new ByteWriter(1);
    writer.int8(-1).int16(-2).int32(-3).int64(-4n).string('ü').string(null);
    writer.array([1, 2], (item) => writer.int16(item));
    const reader = new ByteReader(writer.take());
    const fixed = [reader.int8(), reader.int16(), reader.int32(), reader.int64(), reader.string(), reader.string()];
    expect(fixed).toEqual([-1, -2, -3, -4n, 'ü', '']);
    expect(reader.array(() => reader.int16())).toEqual([1, 2]);
  });

  test('asks to fetch as kafkajs does', async () => {
    const ours = fetchRequest(
      [
        { topic: 'a', partition: 1, offset: 7n },
        { topic: 'b', partition: 0, offset: 1n },
        { topic: 'a', partition: 2, offset: 9n },
      ],
      { maxWaitMs: 500, minBytes: 1, maxBytes: 1_000, maxPartitionBytes: 1_000 },
    );
    const partition = (id: number, fetchOffset: number): object => ({
      partition: id,
      fetchOffset,
      maxBytes: 1_000,
      maxPartitionBytes: 1_000,
    });
    const theirs = kafkajsFetch({
      replicaId: -1,
      maxWaitTime: 500,
      minBytes: 1,
      maxBytes: 1_000,
      isolationLevel: 0,
      topics: [
        { topic: 'a', partitions: [partition(1, 7), partition(2, 9)] },
        { topic: 'b', partitions: [partition(0, 1)] },
      ],
    });
    expect(Buffer.concat(ours.body)).toEqual((await theirs.encode()).buffer);
  });

  test('asks to produce as kafkajs does', async () => {
    const messages = [{ key: Buffer.from('k'), value: Buffer.from('v'), timestamp: stamp.timestampMs }];
    const theirs = kafkajsProduce({
      acks: -1,
      timeout: 5_000,
      producerId: '4000000007',
      producerEpoch: 12,
      topicData: [{ topic: 'a', partitions: [{ partition: 3, firstSequence: stamp.baseSequence, messages }] }],
    });
    const encoded = encodeBatch([{ key: Buffer.from('k'), value: Buffer.from('v') }], stamp);
    const ours = produceRequest([{ topic: 'a', partition: 3, encoded }], 5_000);
    const expected = Buffer.from((await theirs.encode()).buffer);
    // The leader epoch, outside the checksum, is −1 (unknown) where kafkajs says 0.
    expected.writeInt32BE(-1, expected.length - encoded.length + 12);
    expect(Buffer.concat(ours.body)).toEqual(expected);
    expect([ours.apiKey, ours.apiVersion]).toEqual([theirs.apiKey, theirs.apiVersion]);
  });
});
