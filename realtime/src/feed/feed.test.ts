import { afterEach, describe, expect, test } from '@jest/globals';
import { PlatformError } from '@millrace/kernel/errors';
import type { LogClient, LogReader } from '@millrace/kernel/log';
import { MemoryLog } from '@millrace/kernel/log-memory';
import { silentLogger } from '@millrace/kernel/telemetry';
import { MemoryRegistry } from '@millrace/schemas/registry';
import { createViewCodec } from '@millrace/schemas/views';
import { Feed } from './index.ts';
import type { TopicState } from './index.ts';
import { ViewWriter, cartEntry, orderEntry, stockEntry } from './testing/index.ts';

const running: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of running.splice(0)) await stop();
});
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

async function until(met: () => boolean): Promise<void> {
  for (let turns = 0; !met(); turns++) {
    if (turns > 1_000) throw new Error('it did not come about within 1000 turns of the event loop');
    await turn();
  }
}

async function world(log = new MemoryLog(), registry = new MemoryRegistry()) {
  const writer = await ViewWriter.open(log, registry);
  return { log, registry, writer };
}

function start(log: LogClient, registry: MemoryRegistry, followed: string[] = []) {
  const published: TopicState[] = [];
  const counts = { malformed: 0, stale: 0, flushed: 0, slept: 0 };
  const feed = new Feed({
    log,
    codec: (topic) => createViewCodec(registry, topic),
    topicPrefix: '',
    sink: {
      isFollowed: (topic) => followed.includes(topic),
      publish: (state) => void published.push(state),
      flush: () => void (counts.flushed += 1),
    },
    logger: silentLogger(),
    onMalformed: () => void (counts.malformed += 1),
    onStale: () => void (counts.stale += 1),
    now: () => 1_700_000_001_000,
    sleep: async () => {
      counts.slept += 1;
      await turn();
    },
  });
  const stop = new AbortController();
  const run = feed.run(stop.signal);
  run.catch(() => undefined);
  running.push(async () => {
    stop.abort();
    await run.catch(() => undefined);
  });
  return { feed, published, counts, run };
}

const lsnOf = (state: TopicState): bigint => BigInt(state.position);
const availableOf = (state: TopicState): unknown =>
  (JSON.parse(state.message('snapshot')) as { data: { available: number } | null }).data?.available ?? null;

describe('the feed', () => {
  test('is ready once it has what was in the log, and answers it', async () => {
    const { log, registry, writer } = await world();
    await writer.write(stockEntry('a', 10n, 1));
    await writer.write(stockEntry('a', 11n, 2));
    await writer.write(stockEntry('b', 12n, 3));
    const { feed, published } = start(log, registry, ['stock:a']);
    expect(feed.ready).toBe(false);
    await until(() => feed.ready);
    expect(availableOf(feed.current('stock', 'a'))).toBe(2);
    expect(availableOf(feed.current('stock', 'b'))).toBe(3);
    expect(published.map(lsnOf)).toEqual([10n, 11n]);
  });

  test('publishes what is followed as it comes, once, and never what is old', async () => {
    const { log, registry, writer } = await world();
    const { feed, published, counts } = start(log, registry, ['stock:a']);
    await until(() => feed.ready);
    for (const lsn of [10n, 12n, 12n, 11n, 13n]) await writer.write(stockEntry('a', lsn, Number(lsn)));
    await writer.write(stockEntry('b', 14n, 1));
    await until(() => availableOf(feed.current('stock', 'b')) === 1);
    expect(published.map(lsnOf)).toEqual([10n, 12n, 13n]);
    expect(counts.stale).toBe(2);
    expect(counts.flushed).toBeGreaterThan(0);
  });

  test('a deletion is a state without data, and what never was is absent as of the applied position', async () => {
    const { log, registry, writer } = await world();
    const { feed, published } = start(log, registry, ['stock:a']);
    await until(() => feed.ready);
    await writer.write(stockEntry('a', 10n, 1));
    await writer.write(stockEntry('a', 20n, null));
    await until(() => published.length === 2);
    expect([published[1]?.absent, lsnOf(published[1]!)]).toEqual([true, 20n]);
    await writer.watermark('stock', 'never', 33n, 1_700_000_000_500_000);
    await until(() => lsnOf(feed.current('stock', 'never')) === 33n);
    expect(feed.current('stock', 'never').absent).toBe(true);
  });

  test('a tombstone whose deletion compaction took counts from the next watermark', async () => {
    const { log, registry, writer } = await world();
    const { feed, published } = start(log, registry, ['stock:a']);
    await until(() => feed.ready);
    await writer.write(stockEntry('a', 10n, 1));
    await writer.raw('stock', 'a', [{ key: Buffer.from('stock:a'), value: null }]);
    await writer.watermark('stock', 'a', 25n, 1);
    await until(() => published.length === 2);
    expect([published[1]?.absent, lsnOf(published[1]!)]).toEqual([true, 25n]);
  });

  test('malformed records are counted and left out; the key keeps its state and everything else goes on', async () => {
    const { log, registry, writer } = await world();
    const { feed, counts } = start(log, registry);
    await until(() => feed.ready);
    await writer.write(stockEntry('a', 10n, 1));
    const key = Buffer.from('stock:a');
    const [good] = writer.recordsOf(stockEntry('a', 11n, 2));
    await writer.raw('stock', 'a', [
      { key, value: Buffer.from('{"available":2}') },
      { key, value: good!.value!.subarray(0, 9) },
      { key, value: Buffer.from([0, 0, 0, 9, 9, 1, 2]) },
      { key: Buffer.from('nonsense'), value: Buffer.from('x') },
      { key: Buffer.from('movement:1'), value: Buffer.from('not ours to read') },
      { key: Buffer.from('_watermark'), value: Buffer.from([0]) },
    ]);
    await writer.write(stockEntry('z', 12n, 5));
    await until(() => availableOf(feed.current('stock', 'z')) === 5);
    await until(() => counts.malformed === 5);
    expect(lsnOf(feed.current('stock', 'a'))).toBe(10n);
    await writer.write(stockEntry('a', 13n, 7));
    await until(() => availableOf(feed.current('stock', 'a')) === 7);
  });

  test("a deleted order stays its owner's", async () => {
    const { log, registry, writer } = await world();
    const { feed } = start(log, registry);
    await until(() => feed.ready);
    await writer.write(orderEntry('o', 10n, 'c1'));
    await until(() => feed.current('order', 'o').owner?.customerId === 'c1');
    await writer.write({ ...orderEntry('o', 11n, 'c1'), data: null });
    await until(() => feed.current('order', 'o').absent);
    expect(feed.current('order', 'o').owner?.customerId).toBe('c1');
  });

  test("a cart is its customer's, is told when it is left, and stays its customer's when it is deleted", async () => {
    const { log, registry, writer } = await world();
    const { feed } = start(log, registry);
    await until(() => feed.ready);
    await writer.write(cartEntry('k', 10n, 'c1'));
    await until(() => feed.current('cart', 'k').owner?.customerId === 'c1');
    await writer.write(cartEntry('k', 11n, 'c1', '2026-01-02T00:00:00.000000Z'));
    await until(() => feed.current('cart', 'k').message('update').includes('"abandonedAt":"2026-01-02'));
    await writer.write({ ...cartEntry('k', 12n, 'c1'), data: null });
    await until(() => feed.current('cart', 'k').absent);
    expect(feed.current('cart', 'k').owner).toMatchObject({ customerId: 'c1', vendorIds: [] });
  });

  test('says where it is and how old that is', async () => {
    const { log, registry, writer } = await world();
    await writer.write(stockEntry('a', 10n, 1));
    const { feed } = start(log, registry);
    await until(() => feed.ready);
    const { partitions } = feed.status() as { partitions: { view: string; position: string; ageMs: number | null }[] };
    expect(partitions).toHaveLength(10);
    expect(partitions).toContainEqual(
      expect.objectContaining({
        view: 'views.inventory',
        position: '00000000000000000010',
        ageMs: 1_000,
        recordsBehind: '0',
      }),
    );
  });
});

/** A log whose readers fail where the test says. */
function failing(log: MemoryLog, failures: PlatformError[]): LogClient {
  return {
    admin: log.admin,
    openWriter: (options) => log.openWriter(options),
    close: () => log.close(),
    createReader: () => {
      const reader = log.createReader();
      const poll: LogReader['poll'] = (waitMs, signal) => {
        const failure = failures.shift();
        return failure === undefined ? reader.poll(waitMs, signal) : Promise.reject(failure);
      };
      return Object.assign(Object.create(reader) as LogReader, {
        poll,
        assign: reader.assign.bind(reader),
        close: reader.close.bind(reader),
      });
    },
  };
}

describe('when the log goes away', () => {
  test('it waits and goes on where it was, telling nobody anything twice', async () => {
    const { log, registry, writer } = await world();
    const failures = [new PlatformError('engine-unreachable', 'gone'), new PlatformError('engine-unreachable', 'gone')];
    const { feed, published, counts } = start(failing(log, failures), registry, ['stock:a']);
    await until(() => feed.ready);
    await writer.write(stockEntry('a', 10n, 1));
    await until(() => published.length === 1);
    failures.push(new PlatformError('engine-unreachable', 'gone again'));
    await writer.write(stockEntry('a', 11n, 2));
    await writer.write(stockEntry('a', 12n, 3));
    await until(() => published.length === 3);
    expect(counts).toMatchObject({ slept: 3, stale: 0 });
    expect([feed.ready, feed.trouble]).toEqual([true, null]);
  });

  test('what a wait cannot mend ends it', async () => {
    const { log, registry } = await world();
    const { run } = start(failing(log, [new PlatformError('log-offset-out-of-range', 'trimmed')]), registry);
    await expect(run).rejects.toThrow('trimmed');
    const missing = start(new MemoryLog(), registry);
    await expect(missing.run).rejects.toMatchObject({ kind: 'topic-missing' });
  });

  test('another log of a view takes the place of the one that is served once it has all of that; followers are told what differs', async () => {
    const { log, registry, writer } = await world();
    const { feed, published } = start(log, registry, ['stock:a', 'stock:b', 'stock:gone']);
    for (const [id, lsn, available] of [
      ['a', 10n, 1],
      ['b', 11n, 2],
      ['gone', 12n, 3],
      ['unfollowed', 13n, 4],
    ] as const) {
      await writer.write(stockEntry(id, lsn, available));
    }
    for (const id of ['a', 'b', 'gone', 'unfollowed']) await writer.watermark('stock', id, 20n, 1);
    await until(() => feed.ready);
    published.length = 0;

    const next = await ViewWriter.open(log, registry, '', 2, 2);
    feed.serve((view) => (view === 'inventory' ? 2 : 1));
    // As of an earlier position, as a log that was made from fewer records is; b says something else; one key is not there.
    await next.write(stockEntry('a', 9n, 1));
    await next.write(stockEntry('b', 11n, 7));
    await next.write(stockEntry('unfollowed', 13n, 8));
    for (let turns = 0; turns < 50; turns++) await turn();
    expect(availableOf(feed.current('stock', 'b'))).toBe(2);
    for (const id of ['a', 'b', 'gone', 'unfollowed']) await next.watermark('stock', id, 21n, 1);
    await until(() => availableOf(feed.current('stock', 'b')) === 7);
    expect(published.map((state) => [state.topic, lsnOf(state), availableOf(state)]).sort()).toEqual([
      ['stock:b', 21n, 7],
      ['stock:gone', 21n, null],
    ]);
    expect([lsnOf(feed.current('stock', 'a')), availableOf(feed.current('stock', 'unfollowed'))]).toEqual([10n, 8]);

    published.length = 0;
    await writer.write(stockEntry('a', 22n, 100));
    await next.write(stockEntry('a', 23n, 5));
    await until(() => published.length > 0);
    expect(published.map((state) => [lsnOf(state), availableOf(state)])).toEqual([[23n, 5]]);
  });
});
