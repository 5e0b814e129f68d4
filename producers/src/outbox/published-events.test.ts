import { expect, test } from '@jest/globals';
import { loadConfig } from '@millrace/kernel/config';
import type { AppendRequest } from '@millrace/kernel/log';
import { textRow } from '@millrace/schemas/cdc';
import { createEventEncoder } from '@millrace/schemas/events';
import { isWatermarkKey } from '@millrace/schemas/markers';
import { MemoryRegistry } from '@millrace/schemas/registry';
import { capturePartitions, partitionStates } from '../capture/partitions.ts';
import { Publisher } from '../capture/publisher.ts';
import type { Route } from '../capture/routes.ts';
import { settings } from '../config.ts';
import { Acknowledger } from '../replication/acknowledger.ts';
import { createEventRoute } from './event-route.ts';

const columns = ['event_id', 'aggregate_type', 'aggregate_id', 'event_type', 'payload', 'headers'];
const relation = {
  schema: 'commerce',
  table: 'outbox_events',
  columns: columns.map((name) => ({ name, typeOid: 25, key: name === 'event_id' })),
};
const event = (id: string) =>
  textRow([id, 'order', 'o1', 'OrderPlaced', '{"n": 1}', '{"traceparent": "00-1-2-01", "n": 7}']);

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A publisher over a log that takes everything; time stands until it is moved. */
async function bench() {
  const appended: AppendRequest[] = [];
  const time = {
    nowMs: 1_000,
    due: [] as (() => void)[],
    pass(): void {
      for (const run of this.due.splice(0)) run();
    },
  };
  const encoder = await createEventEncoder(new MemoryRegistry(), '');
  const partitions = capturePartitions(loadConfig(settings, { PARTITIONS: '1' }));
  const publisher = new Publisher({
    append: (batches) => {
      appended.push(...batches);
      return Promise.resolve([]);
    },
    partitions: partitionStates(partitions, []),
    watermarkSchemaId: () => 1,
    acknowledger: new Acknowledger(0n),
    streamTimeUs: 0,
    scheduler: {
      nowMs: () => time.nowMs,
      after: (_ms, run) => (time.due.push(run), () => time.due.splice(time.due.indexOf(run), 1)),
    },
    onFailure: (error) => {
      throw error;
    },
    onPressure: () => undefined,
  });
  const outbox = createEventRoute(relation, encoder, 1, () => undefined);
  const route = { relation, topic: 'events.other', outbox, key: () => Buffer.from('') } as unknown as Route;
  const watermarks = (topic: string): number =>
    appended
      .filter((batch) => batch.topic === topic)
      .flatMap(({ records }) => records)
      .filter(({ key }) => isWatermarkKey(key)).length;
  const commit = async (lsn: bigint, change: () => void): Promise<void> => {
    publisher.begin({ lsn, txid: 1, tsUs: 1 });
    change();
    publisher.commit(lsn + 8n);
    await publisher.drain();
  };
  return { publisher, route, appended, time, watermarks, commit };
}

test('an insert is an event with its headers; an update, a changed key, a delete and a truncate are none', async () => {
  const { publisher, route, appended, commit } = await bench();
  await commit(100n, () => {
    publisher.insert(route, event('e1'));
    publisher.update(route, event('e1'), event('e2'));
    publisher.delete(route, event('e2'));
    publisher.truncate(route);
  });
  const records = appended.flatMap((batch) => batch.records.map((record) => ({ topic: batch.topic, ...record })));
  const events = records.filter(({ key }) => !isWatermarkKey(key));
  expect(events.map(({ topic, key }) => [topic, Buffer.from(key ?? []).toString()])).toEqual([['events.order', 'o1']]);
  const headers = Object.fromEntries((events[0]?.headers ?? []).map(([name, value]) => [name, value.toString()]));
  expect(headers).toMatchObject({ 'event-name': 'OrderPlaced', 'event-id': 'e1', traceparent: '00-1-2-01', n: '7' });
  expect(publisher.events).toBe(1);
});

test('a partition without events gets a watermark once a minute, one with events gets it with them', async () => {
  const { publisher, route, time, watermarks } = await bench();
  const commit = async (lsn: bigint, change: () => void = () => undefined): Promise<void> => {
    publisher.begin({ lsn, txid: 1, tsUs: 1 });
    change();
    publisher.commit(lsn + 8n);
    time.pass();
    await settled();
  };
  await commit(10n);
  expect(['events.order', 'events.product', 'cdc.orders'].map(watermarks)).toEqual([1, 1, 1]);
  time.nowMs += 1_000;
  await commit(20n, () => publisher.insert(route, event('e1')));
  expect(['events.order', 'events.product', 'cdc.orders'].map(watermarks)).toEqual([2, 1, 2]);
  time.nowMs += 60_000;
  await commit(30n);
  expect(['events.order', 'events.product', 'cdc.orders'].map(watermarks)).toEqual([3, 2, 3]);
  await commit(40n);
  await publisher.drain();
  expect(['events.order', 'events.product', 'cdc.orders'].map(watermarks)).toEqual([4, 3, 4]);
});
