import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { isOwnKey } from '@millrace/schemas/markers';
import { createEventDecoder } from '@millrace/schemas/events';
import type { DecodedEvent } from '@millrace/schemas/events';
import { partitionOf } from '@millrace/schemas/partition';
import { eventTopics } from '@millrace/schemas/topics';
import { CaptureHarness, eventually } from '../testing/index.ts';

let harness: CaptureHarness;
beforeEach(async () => {
  harness = await CaptureHarness.open();
}, 60_000);
afterEach(async () => {
  await harness.close();
}, 60_000);

interface ReadEvent extends DecodedEvent {
  readonly topic: string;
  readonly partition: number;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Every event in the topics, as any consumer would read them. */
async function eventsInLog(): Promise<ReadEvent[]> {
  const { log, registry, config } = harness;
  const decode = createEventDecoder(registry);
  const events: ReadEvent[] = [];
  for (const topic of eventTopics) {
    const reader = log.createReader();
    for (const { partition, start, end } of await log.admin.offsets(config.topicPrefix + topic)) {
      let next = start;
      reader.assign([{ topic: config.topicPrefix + topic, partition, offset: start }]);
      while (next < end) {
        for (const batch of await reader.poll(200)) {
          if (batch.partition !== partition) continue;
          next = batch.nextOffset;
          for (const { key, value, headers } of batch.records) {
            if (key === null || value === null || isOwnKey(key)) continue;
            const texts = (headers ?? []).map(([name, bytes]) => [name, bytes.toString()]);
            events.push({
              topic,
              partition,
              key: key.toString(),
              headers: Object.fromEntries(texts) as Record<string, string>,
              ...(await decode(Buffer.from(value))),
            });
          }
        }
      }
    }
    await reader.close();
  }
  return events;
}

const write = (
  aggregateType: string,
  aggregateId: string,
  eventType: string,
  payload: unknown,
  headers: unknown = {},
) =>
  harness.sql.query(
    `insert into commerce.outbox_events (aggregate_type, aggregate_id, event_type, payload, headers) values ($1, $2, $3, $4, $5)`,
    [aggregateType, aggregateId, eventType, JSON.stringify(payload), JSON.stringify(headers)],
  );

const waiting = async (): Promise<number> =>
  (await harness.sql.query<{ n: number }>('select count(*)::int as n from commerce.outbox_events')).rows[0]?.n ?? -1;

/** Until what is committed now is in the log. */
async function published(): Promise<void> {
  const position = await harness.positionNow();
  await eventually(async () => (await harness.confirmedFlush()) > position);
}

const status = (orderId: string, step: number) => ({ orderId, status: `s${step}`, previousStatus: `s${step - 1}` });
const stepsOf = (events: readonly ReadEvent[], orderId: string) =>
  events.filter(({ key }) => key === orderId).map(({ payload }) => (payload as { status: string }).status);

test('each row becomes one event, in order, with its name, position and trace context; then the table is emptied', async () => {
  const orders = [randomUUID(), randomUUID(), randomUUID()];
  const trace = { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', actor: 'someone' };
  for (const order of orders) await write('order', order, 'OrderStatusChanged', status(order, 1), trace);
  await harness.start();
  for (let step = 2; step <= 5; step++) {
    for (const order of orders) await write('order', order, 'OrderStatusChanged', status(order, step), trace);
  }
  await published();
  const events = await eventsInLog();
  expect(events).toHaveLength(15);
  for (const order of orders) expect(stepsOf(events, order)).toEqual(['s1', 's2', 's3', 's4', 's5']);
  for (const event of events) {
    expect(event).toMatchObject({ topic: 'events.order', schema: 'OrderStatusChanged', aggregateId: event.key });
    expect(event.partition).toBe(partitionOf(event.key, harness.config.partitions));
    expect(event.headers).toMatchObject({ ...trace, 'event-name': 'OrderStatusChanged', 'event-id': event.eventId });
    expect(event.headers['millrace.position']).toBeDefined();
  }
  await eventually(async () => (await waiting()) === 0);
}, 60_000);

test('an event without a schema, or of another aggregate, is kept whole; updates and deletes of the table are not events', async () => {
  await harness.start();
  const [product, cart, hidden] = [randomUUID(), randomUUID(), randomUUID()];
  await write('product', product, 'SomethingNew', { weight: 1.5 });
  await write('basket', cart, 'BasketLeft', { items: [1, 2] });
  await harness.sql.query('begin');
  await write('order', hidden, 'OrderStatusChanged', status(hidden, 1));
  await harness.sql.query(`update commerce.outbox_events set headers = '{"late": "yes"}' where aggregate_id = $1`, [
    product,
  ]);
  await harness.sql.query('rollback');
  await published();
  expect((await eventsInLog()).map(({ topic, schema, key, payload }) => ({ topic, schema, key, payload }))).toEqual([
    { topic: 'events.product', schema: 'Event', key: product, payload: '{"weight": 1.5}' },
    { topic: 'events.other', schema: 'Event', key: cart, payload: '{"items": [1, 2]}' },
  ]);
}, 60_000);

test('a row is not deleted before the log has it', async () => {
  const order = randomUUID();
  const capture = await harness.start();
  await capture.stop();
  await write('order', order, 'OrderStatusChanged', status(order, 1));
  let blocked = true;
  const log = {
    admin: harness.log.admin,
    createReader: (options?: { maxBytes?: number }) => harness.log.createReader(options),
    close: () => Promise.resolve(),
    openWriter: async (options: Parameters<typeof harness.log.openWriter>[0]) => {
      const writer = await harness.log.openWriter(options);
      const append: typeof writer.append = async (batches) => {
        while (blocked) await new Promise((resolve) => setTimeout(resolve, 20));
        return writer.append(batches);
      };
      return { epoch: writer.epoch, ends: writer.ends, append, close: () => writer.close() };
    },
  };
  await harness.start({ log });
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect(await waiting()).toBe(1);
  blocked = false;
  await eventually(async () => (await waiting()) === 0);
  expect(stepsOf(await eventsInLog(), order)).toEqual(['s1']);
}, 60_000);

test('a snapshot taken again repeats no event that the log has, and brings those it has not', async () => {
  const order = randomUUID();
  const capture = await harness.start();
  // Someone holds the row, so that it stays in the table although the log has its event.
  await harness.sql.query('begin');
  await write('order', order, 'OrderStatusChanged', status(order, 1));
  await harness.sql.query('commit');
  await harness.sql.query('begin');
  await harness.sql.query('select from commerce.outbox_events for update');
  await eventually(async () => (await eventsInLog()).length === 1);
  await capture.stop();
  await harness.sql.query('commit');
  if ((await waiting()) === 0) throw new Error('the row was to be there still');
  await write('order', order, 'OrderStatusChanged', status(order, 2));
  await harness.sql.query('select pg_drop_replication_slot($1)', [harness.config.slotName]);
  const { topicPrefix } = harness.config;
  const topics = (await harness.log.admin.listTopics()).filter((topic) => topic.startsWith(`${topicPrefix}cdc.`));
  await harness.log.admin.deleteTopics(topics);
  await harness.start();
  await published();
  expect(stepsOf(await eventsInLog(), order)).toEqual(['s1', 's2']);
  await eventually(async () => (await waiting()) === 0);
}, 60_000);
