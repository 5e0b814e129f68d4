import { describe, expect, test } from '@jest/globals';
import { SharedReader } from '../log/index.ts';
import type { FetchedBatch, LogClient, LogReader } from '../log/index.ts';
import { logContract } from '../log/testing/contract.ts';
import { atLeast, openWriter, readUntil, record } from '../log/testing/reading.ts';
import { MemoryLog } from './index.ts';

const topic = 'changes';
const partitions = [
  { topic, partition: 0 },
  { topic, partition: 1 },
];
const [first, second] = partitions as [(typeof partitions)[0], (typeof partitions)[0]];
const POLL_MS = 30_000;

/** A client whose every reader is one of a shared one's, beside another that follows along. */
function sharing(client: LogClient): LogClient {
  const shared = new SharedReader(client);
  const readers: LogReader[] = [];
  return {
    admin: client.admin,
    openWriter: (options) => client.openWriter(options),
    createReader: () => {
      const reader = shared.createReader();
      readers.push(reader);
      return reader;
    },
    close: async () => {
      await Promise.all(readers.map((reader) => reader.close()));
      await client.close();
    },
  };
}

logContract('a reader of SharedReader', () => {
  const log = new MemoryLog();
  let topics = 0;
  return Promise.resolve({
    client: () => sharing(log.client()),
    topic: () => `topic-${++topics}`,
    compact: (name: string) => log.compact(name),
    close: () => log.close(),
  });
});

/** Counts the reads that brought something, by the reader that made them. */
function counting(log: MemoryLog) {
  const reads: number[] = [];
  const client: Pick<LogClient, 'createReader'> = {
    createReader: (options) => {
      const reader = log.createReader(options);
      const index = reads.push(0) - 1;
      const poll = reader.poll.bind(reader);
      reader.poll = async (maxWaitMs, signal) => {
        const batches = await poll(maxWaitMs, signal);
        if (batches.length > 0) reads[index] = (reads[index] ?? 0) + 1;
        return batches;
      };
      return reader;
    },
  };
  return { client, reads };
}

const keysOf = (batches: readonly FetchedBatch[]): string[] =>
  batches.flatMap(({ records }) => [...records].map(({ key }) => key?.toString() ?? ''));

async function setUp(members: number) {
  const log = new MemoryLog({ topics: [{ topic, partitions: partitions.length }] });
  const writer = await openWriter(log, partitions);
  const { client, reads } = counting(log);
  const shared = new SharedReader(client);
  const readers = Array.from({ length: members }, () => shared.createReader());
  for (const reader of readers) {
    reader.assign(partitions.map((partition) => ({ ...partition, offset: 0n })));
    await readUntil(reader, atLeast(2));
  }
  reads.fill(0);
  const append = (at: typeof first, key: string) => writer.append([{ ...at, records: [record(key)] }]);
  const close = () => Promise.all(readers.map((reader) => reader.close()));
  return { log, reads, readers, append, close, shared };
}

describe('readers of one shared reader', () => {
  test('get the same records from one fetch', async () => {
    const { reads, readers, append, close } = await setUp(3);
    const waiting = readers.map((reader) => reader.poll(POLL_MS));
    await append(first, 'a');
    expect((await Promise.all(waiting)).map(keysOf)).toEqual([['a'], ['a'], ['a']]);
    expect(reads.filter((count) => count > 0)).toEqual([1]);
    await close();
  });

  test('keep what they were given until all have come back for more', async () => {
    const { readers, append, close } = await setUp(2);
    const [quick, slow] = readers as [LogReader, LogReader];
    const waiting = [quick.poll(POLL_MS), slow.poll(POLL_MS)];
    await append(first, 'a');
    const [, given] = await Promise.all(waiting);
    const next = quick.poll(POLL_MS);
    await append(first, 'b');
    expect(keysOf(given ?? [])).toEqual(['a']);
    expect(keysOf(await slow.poll(POLL_MS))).toEqual(['b']);
    expect(keysOf(await next)).toEqual(['b']);
    await close();
  });

  test('are not held up by one that is far behind, nor by one that closed without coming back', async () => {
    const { reads, readers, append, close, shared } = await setUp(2);
    const [one, other] = readers as [LogReader, LogReader];
    const waiting = [one.poll(POLL_MS), other.poll(POLL_MS)];
    await append(first, 'a');
    await Promise.all(waiting);
    await other.close();
    const behind = shared.createReader();
    behind.assign([{ ...first, offset: 0n }]);
    const next = one.poll(POLL_MS);
    await append(first, 'b');
    expect(keysOf(await next)).toEqual(['b']);
    expect((await readUntil(behind, atLeast(3))).map(({ key }) => key)).toEqual(['_barrier', 'a', 'b']);
    reads.fill(0);
    const together = [one.poll(POLL_MS), behind.poll(POLL_MS)];
    await append(first, 'c');
    expect((await Promise.all(together)).map(keysOf)).toEqual([['c'], ['c']]);
    expect(reads.filter((count) => count > 0)).toEqual([1]);
    await behind.close();
    await close();
  });

  test('a paused one leaves the others alone, and misses nothing', async () => {
    const { readers, append, close } = await setUp(2);
    const [one, paused] = readers as [LogReader, LogReader];
    paused.pause([first]);
    const waiting = paused.poll(POLL_MS);
    const next = one.poll(POLL_MS);
    await append(first, 'a');
    expect(keysOf(await next)).toEqual(['a']);
    const after = one.poll(POLL_MS);
    await append(second, 'b');
    expect(keysOf(await waiting)).toEqual(['b']);
    expect(keysOf(await after)).toEqual(['b']);
    paused.resume([first]);
    expect((await readUntil(paused, atLeast(1))).map(({ key }) => key)).toEqual(['a']);
    await close();
  });

  test('each learns of what cannot be read, and reads on elsewhere', async () => {
    const { log, readers, append, close } = await setUp(2);
    const waiting = readers.map((reader) => reader.poll(POLL_MS));
    await append(first, 'a');
    await Promise.all(waiting);
    await append(first, 'b');
    await append(first, 'c');
    log.trim(first, 4n);
    const outcomes = await Promise.allSettled(readers.map((reader) => readUntil(reader, atLeast(9))));
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { kind: 'log-offset-out-of-range' } });
    }
    for (const reader of readers) reader.unassign([first]);
    const further = readers.map((reader) => readUntil(reader, atLeast(1)));
    await append(second, 'd');
    for (const read of await Promise.all(further)) expect(read.map(({ key }) => key)).toEqual(['d']);
    await close();
  });
});
