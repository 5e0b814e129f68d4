import { afterEach, describe, expect, test } from '@jest/globals';
import type { PartitionMark } from '@millrace/schemas/stores';
import type { ViewEntry } from '@millrace/schemas/views';
import { greatestMark, markOf, partitionKey } from '../marks.ts';
import { silentObserver } from '../sink.ts';
import type { Sink, SinkBatch } from '../sink.ts';
import { batchesOf, chaosOf, writesOf } from './batches.ts';
import { historyOf } from './entries.ts';
import { endpointOf, startTcpProxy, through } from './tcp-proxy.ts';

/** One empty store, and what a test needs of it. */
export interface StoreUnderTest {
  /** Another sink of this store, not yet open; by another way to its server where one is given. */
  createSink(url?: string): Sink;
  /** All that readers can see, in a form that `toEqual` compares: no order that the store does not promise. */
  contents(): Promise<unknown>;
  drop(): Promise<void>;
}

export interface ContractOptions {
  /** Seeds of the random histories: fewer where the engine is slow. */
  readonly seeds?: readonly number[];
  readonly timeoutMs?: number;
  /** Of the store's server; left out: it has none. */
  readonly url?: string;
}

/** The port's contract as tests: run against every sink. */
export function sinkContract(name: string, fresh: () => Promise<StoreUnderTest>, options: ContractOptions = {}): void {
  const { seeds = [1, 2, 3], timeoutMs = 60_000, url } = options;
  const drops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const drop of drops.splice(0).reverse()) await drop();
  }, timeoutMs);

  async function store(): Promise<StoreUnderTest> {
    const made = await fresh();
    drops.push(() => made.drop());
    return made;
  }

  async function opened(under: StoreUnderTest, url?: string): Promise<Sink> {
    const sink = under.createSink(url);
    await sink.open(silentObserver);
    drops.push(() => sink.close());
    return sink;
  }

  async function play(sink: Sink, batches: readonly SinkBatch[]): Promise<void> {
    for (const write of writesOf(heldBy(sink, batches))) await sink.write(write);
    await sink.flush();
  }

  /** What the store shows after the batches, once and in order. */
  async function inOrder(batches: readonly SinkBatch[]): Promise<unknown> {
    const under = await store();
    await play(await opened(under), batches);
    return under.contents();
  }

  describe(`${name} keeps the contract of a sink`, () => {
    test.each(seeds)(
      'three times each, shuffled, older ones last: the contents are those of once in order (seed %i)',
      async (seed) => {
        const batches = batchesOf(historyOf(seed));
        const under = await store();
        await play(await opened(under), chaosOf(batches, seed));
        expect(await under.contents()).toEqual(await inOrder(batches));
      },
      timeoutMs,
    );

    test(
      'a batch that comes again in part, after newer ones, changes nothing',
      async () => {
        const batches = batchesOf(historyOf(17), 9);
        const under = await store();
        const sink = await opened(under);
        await play(sink, batches);
        const before = await under.contents();
        await play(sink, batches.map(firstHalf));
        expect(await under.contents()).toEqual(before);
      },
      timeoutMs,
    );

    test(
      'a deleted entry stays deleted after a late duplicate, and comes back with a newer version',
      async () => {
        const under = await store();
        const sink = await opened(under);
        const made = lastOf(sink, historyOf(23));
        const removed: ViewEntry = { ...made, lsn: made.lsn + 10n, data: null };
        const [first, second] = [batchOf(sink, made, 1n), batchOf(sink, removed, 2n)];
        await play(sink, [first]);
        const alive = await under.contents();
        await play(sink, [second]);
        const deleted = await under.contents();
        expect(deleted).not.toEqual(alive);
        await play(sink, [first]);
        expect(await under.contents()).toEqual(deleted);
        const again: ViewEntry = { ...made, lsn: made.lsn + 20n };
        await play(sink, [batchOf(sink, again, 3n)]);
        expect(await under.contents()).toEqual(await inOrder([batchOf(sink, again, 3n)]));
      },
      timeoutMs,
    );

    test(
      'marks never go back, and another sink reads them from the store',
      async () => {
        const batches = batchesOf(historyOf(5));
        const under = await store();
        const sink = await opened(under);
        await play(sink, [...batches, ...batches.slice(0, 4), ...batches.slice(-2).reverse()]);
        const positions = await (await opened(under)).positions();
        expect(inMarkOrder(positions)).toEqual(inMarkOrder(greatestOf(heldBy(sink, batches))));
      },
      timeoutMs,
    );

    test(
      'a mark moves on without entries',
      async () => {
        const under = await store();
        const sink = await opened(under);
        const [view] = sink.views;
        if (view === undefined) throw new Error('a sink holds at least one view');
        const applied = { lsn: 77n << 40n, committedAtMs: 1_780_000_000_123, offset: 12n };
        await play(sink, [{ view, partition: 3, entries: [], applied }]);
        expect(await sink.positions()).toEqual([{ view, partition: 3, ...applied }]);
      },
      timeoutMs,
    );

    test(
      'a mark that the observer hears of is stored',
      async () => {
        const under = await store();
        const sink = under.createSink();
        drops.push(() => sink.close());
        const heard: PartitionMark[] = [];
        await sink.open({ ...silentObserver, applied: (marks) => heard.push(...marks) });
        const batches = batchesOf(historyOf(6));
        await play(sink, batches);
        const expected = greatestOf(heldBy(sink, batches));
        expect(inMarkOrder(greatest(heard))).toEqual(inMarkOrder(expected));
        expect(inMarkOrder(await sink.positions())).toEqual(inMarkOrder(expected));
      },
      timeoutMs,
    );

    test(
      'going on from the stored offsets after an end at any point gives the same contents',
      async () => {
        const batches = batchesOf(historyOf(9));
        const under = await store();
        const first = await opened(under);
        await play(first, batches.slice(0, Math.floor(batches.length / 2)));
        await first.close();
        const second = await opened(under);
        const stored = new Map((await second.positions()).map((mark) => [partitionKey(mark), mark.offset]));
        const missing = batches.filter((batch) => batch.applied.offset > (stored.get(partitionKey(batch)) ?? 0n));
        await play(second, missing);
        expect(await under.contents()).toEqual(await inOrder(batches));
      },
      timeoutMs,
    );

    test(
      'opening twice, side by side, changes nothing',
      async () => {
        const under = await store();
        const batches = batchesOf(historyOf(11));
        const [sink] = await Promise.all([opened(under), opened(under)]);
        await play(sink, batches);
        const before = await under.contents();
        await opened(under);
        expect(await under.contents()).toEqual(before);
      },
      timeoutMs,
    );

    if (url === undefined) return;
    test(
      'a broken connection is store-unavailable at once, and the sink opens again where the store stands',
      async () => {
        const under = await store();
        const proxy = await startTcpProxy(endpointOf(url));
        drops.push(() => proxy.close());
        const sink = await opened(under, through(proxy, url));
        const made = lastOf(sink, historyOf(29));
        const [first, second] = [batchOf(sink, made, 1n), batchOf(sink, { ...made, lsn: made.lsn + 1n }, 2n)];
        await play(sink, [first]);
        await proxy.cut();
        await expect(sink.write([second])).rejects.toMatchObject({ kind: 'store-unavailable' });
        await expect(sink.open(silentObserver)).rejects.toMatchObject({ kind: 'store-unavailable' });
        await proxy.mend();
        await sink.open(silentObserver);
        expect((await sink.positions()).map(({ offset }) => offset)).toEqual([1n]);
        await play(sink, [second]);
        expect((await sink.positions()).map(({ offset }) => offset)).toEqual([2n]);
        expect(await under.contents()).toEqual(await inOrder([first, second]));
      },
      timeoutMs,
    );
  });
}

const heldBy = (sink: Sink, batches: readonly SinkBatch[]): SinkBatch[] =>
  batches.filter(({ view }) => sink.views.includes(view));

const firstHalf = (batch: SinkBatch): SinkBatch => ({
  ...batch,
  entries: batch.entries.slice(0, Math.ceil(batch.entries.length / 2)),
});

/** An entry with data of a view that the sink holds, a product where it can be. */
function lastOf(sink: Sink, history: readonly ViewEntry[]): ViewEntry {
  const wanted = sink.views.includes('catalog') ? 'product' : 'stock';
  const entry = history.findLast(({ kind, data }) => kind === wanted && data !== null);
  if (entry === undefined) throw new Error(`the history has no ${wanted}`);
  if (entry.kind !== 'product') return entry;
  return { ...entry, data: { ...entry.data, status: 'active' } } as ViewEntry;
}

function batchOf(sink: Sink, entry: ViewEntry, offset: bigint): SinkBatch {
  const view = sink.views.includes('catalog') ? 'catalog' : 'inventory';
  const applied = { lsn: entry.lsn, committedAtMs: Math.floor(entry.tsUs / 1000), offset };
  return { view, partition: 0, entries: [entry], applied };
}

function greatest(marks: readonly PartitionMark[]): PartitionMark[] {
  const byPartition = new Map<string, PartitionMark>();
  for (const mark of marks) {
    const known = byPartition.get(partitionKey(mark));
    byPartition.set(partitionKey(mark), known === undefined ? mark : { ...mark, ...greatestMark(known, mark) });
  }
  return [...byPartition.values()];
}

const greatestOf = (batches: readonly SinkBatch[]): PartitionMark[] => greatest(batches.map(markOf));

const inMarkOrder = (marks: readonly PartitionMark[]): PartitionMark[] =>
  [...marks].sort((a, b) => partitionKey(a).localeCompare(partitionKey(b)));
