import { expect, test } from '@jest/globals';
import type { LogRecord, LogWriter } from '@millrace/kernel/log';
import { MemoryLog } from '@millrace/kernel/log-memory';
import { silentLogger } from '@millrace/kernel/telemetry';
import { encodeChange, envelopeSchema } from '../cdc/index.ts';
import type { ChangeOp } from '../cdc/index.ts';
import { barrierRecord, barrierSchema, watermarkRecord, watermarkSchema } from '../markers/index.ts';
import { MemoryRegistry } from '../registry/index.ts';
import { shopRelation } from '../testing/index.ts';
import { GenerationFollower } from './generation-follower.ts';
import { activeOf } from './generation-table.ts';

const topic = 'cdc.reference';
const relation = shopRelation('view_generations');

/** The reference topic in memory, and what writes to it as the capture does. */
class Source {
  readonly log = new MemoryLog({ topics: [{ topic, partitions: 1 }] });
  readonly registry = new MemoryRegistry();
  #writer: LogWriter | null = null;

  async commit(lsn: bigint, op: ChangeOp, active: number): Promise<void> {
    const schemaId = await this.registry.register(topic, envelopeSchema(relation));
    const after =
      op === 't' ? null : { view: 'catalog', active, building: null, previous: null, last: active, rate: null };
    const stamp = { lsn, txid: 1, tsUs: Number(lsn), ordinal: 0, op, before: null, after, snapshot: false };
    const key = Buffer.from(op === 't' ? 'view_generations/' : 'view_generations/catalog');
    await this.#append({ key, value: encodeChange(relation, schemaId, stamp) });
  }

  async watermark(lsn: bigint): Promise<void> {
    const id = await this.registry.register(topic, watermarkSchema);
    await this.#append(watermarkRecord(id, { lsn, tsUs: Number(lsn) }));
  }

  async #append(record: LogRecord): Promise<void> {
    const barrierId = await this.registry.register(topic, barrierSchema);
    this.#writer ??= await this.log.openWriter({
      name: 'producers',
      partitions: [{ topic, partition: 0 }],
      barrier: (epoch) => barrierRecord(barrierId, 'producers', epoch),
    });
    await this.#writer.append([{ topic, partition: 0, records: [record] }]);
  }
}

test('it tells the table as of the log’s end when it begins, then each commit that changes it, and never a part of one', async () => {
  const source = new Source();
  await source.commit(10n, 'c', 2);
  await source.commit(20n, 'u', 3);
  await source.watermark(25n);
  const told: number[] = [];
  const waiting: (() => void)[] = [];
  const follower = new GenerationFollower({
    log: source.log,
    registry: source.registry,
    topicPrefix: '',
    logger: silentLogger(),
    onRows: (rows) => {
      told.push(activeOf(rows)('catalog'));
      for (const go of waiting.splice(0)) go();
    },
  });
  const next = (): Promise<void> => new Promise((resolve) => waiting.push(resolve));
  const stop = new AbortController();
  let heard = next();
  const running = follower.run(stop.signal);
  await heard;
  expect(told).toEqual([3]);
  heard = next();
  await source.commit(30n, 't', 0);
  await source.commit(30n, 'r', 4);
  await source.watermark(30n);
  await heard;
  expect(told).toEqual([3, 4]);
  stop.abort();
  await running;
});

test('a row that cannot be read ends the run: readers are not left where nobody knows', async () => {
  const source = new Source();
  await source.commit(10n, 'c', 2);
  const writer = await source.log.openWriter({
    name: 'another',
    partitions: [{ topic, partition: 0 }],
    barrier: () => ({ key: Buffer.from('_barrier'), value: null }),
  });
  await writer.append([
    { topic, partition: 0, records: [{ key: Buffer.from('view_generations/orders'), value: Buffer.from('no Avro') }] },
  ]);
  const follower = new GenerationFollower({
    log: source.log,
    registry: source.registry,
    topicPrefix: '',
    logger: silentLogger(),
    onRows: () => undefined,
  });
  await expect(follower.run(new AbortController().signal)).rejects.toMatchObject({ name: 'PlatformError' });
});
