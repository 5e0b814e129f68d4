import { createHash } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { CaptureHarness, eventually } from '../testing/index.ts';
import type { RunningCapture } from '../testing/index.ts';

let harness: CaptureHarness;
beforeEach(async () => {
  harness = await CaptureHarness.open();
}, 60_000);
afterEach(() => harness.close(), 60_000);

const formatOf = ({ service }: RunningCapture) => (service.status() as { wireFormat: string }).wireFormat;

/** `op` of a row of the snapshot, whose position is each capture's own. */
const isOfSnapshot = (value: Buffer) => value[6] === 0x72;

/** Every record of a capture's topics after its snapshot, by place in its partition: key, the value without its schema's id, headers. */
async function recordsOf(topicPrefix: string): Promise<Map<string, string>> {
  const records = new Map<string, string>();
  const topics = (await harness.log.admin.listTopics()).filter(
    (topic) => topic.startsWith(`${topicPrefix}cdc.`) || topic.startsWith(`${topicPrefix}events.`),
  );
  const reader = harness.log.createReader();
  try {
    for (const topic of topics) {
      const ranges = await harness.log.admin.offsets(topic);
      for (const [partition, { start, end }] of ranges.entries()) {
        reader.assign([{ topic, partition, offset: start }]);
        const name = `${topic.slice(topicPrefix.length)}/${partition}`;
        let count = 0;
        for (let next = start; next < end;) {
          for (const batch of await reader.poll(500)) {
            for (const { key, value, headers } of batch.records) {
              if (key?.toString().startsWith('_') === true) continue;
              if (value !== null && isOfSnapshot(value)) continue;
              const body =
                value === null ? 'tombstone' : createHash('sha256').update(value.subarray(5)).digest('base64');
              const shown = (headers ?? []).map(([header, content]) => `${header}=${content.toString('hex')}`);
              records.set(`${name} ${count++}`, [key?.toString(), body, ...shown].join(' '));
            }
            next = batch.nextOffset;
          }
        }
      }
    }
    return records;
  } finally {
    await reader.close();
  }
}

const CHANGES = [
  `insert into commerce.vendors (name) select 'vendor ' || n from generate_series(1, 5) n`,
  `insert into commerce.categories (name, slug) values ('ü', 'u')`,
  `insert into commerce.products (sku, name, base_price, weight, attributes, description, vendor_id)
   select 'p-' || n, 'Product ' || n, n * 1.10, n / 8.0, jsonb_build_object('n', n, 'ü', '鱼'), repeat(md5(n::text), n % 3 * 100), v.vendor_id
   from generate_series(1, 60) n, (select vendor_id from commerce.vendors limit 1) v`,
  `update commerce.products set base_price = base_price * -1 where sku = 'p-none'`,
  `update commerce.products set name = name || '!', created_at = '0044-03-15 12:00:00.5 BC' where sku like 'p-1%'`,
  `update commerce.products set created_at = 'infinity' where sku like 'p-2%'`,
  `insert into commerce.tags (name) values ('to be renamed'), ('to go')`,
  `update commerce.tags set tag_id = gen_random_uuid() where name = 'to be renamed'`,
  `delete from commerce.tags where name = 'to go'`,
  `alter table commerce.tags add column mood commerce.mood, add column price commerce.price, add column count int8, add column share float8, add column on_day date, add column at_time time, add column raw bytea, add column seen timestamp`,
  `insert into commerce.tags (name, mood, price, count, share, on_day, at_time, raw, seen)
   values ('all', 'quo"te', 1.50, 9007199254740993, 0.1, '0044-03-15 BC', '24:00:00', '\\x00ff', '2024-02-29 12:00:00.25'), ('none', null, null, null, null, null, null, null, null)`,
  `alter table commerce.tags replica identity full`,
  `update commerce.tags set price = 2 where name = 'all'`,
  `delete from commerce.tags where name = 'none'`,
  `insert into commerce.outbox_events (aggregate_type, aggregate_id, event_type, payload, headers)
   values ('product', gen_random_uuid(), 'SomethingElse', '{"a": 1}', '{"traceparent": "00-1"}')`,
  `truncate commerce.reviews`,
];

test.each(['whole', 'in parts'])(
  'both forms, transactions sent %s: the same records, byte for byte',
  async (how) => {
    await harness.sql.query(
      `create type commerce.mood as enum ('sad', 'quo"te'); create domain commerce.price as numeric(12, 2) check (value > 0)`,
    );
    if (how === 'in parts') {
      await harness.sql.query(
        `alter database ${harness.database.name} set debug_logical_replication_streaming = 'immediate'`,
      );
    }
    const { slotName, topicPrefix } = harness.config;
    const text = { slotName: `${slotName}_text`, topicPrefix: `${topicPrefix}text.`, wireFormat: 'text' as const };
    const binary = await harness.start();
    const other = await harness.start({ config: { ...text, spoolFolder: `${harness.config.spoolFolder}-text` } });
    expect([formatOf(binary), formatOf(other)]).toEqual(['binary', 'text']);
    for (const statement of CHANGES) await harness.sql.query(statement);
    const position = await harness.positionNow();
    const [reader, textReader] = [harness.reader(), harness.reader(text)];
    await reader.reached(position, 60_000);
    await textReader.reached(position, 60_000);
    expect([...reader.problems, ...textReader.problems]).toEqual([]);
    // Types that were made before the stream began are known; the table's new columns came while it ran.
    expect(formatOf(binary)).toBe('binary');
    await binary.stop();
    await other.stop();
    const [records, textRecords] = [await recordsOf(topicPrefix), await recordsOf(text.topicPrefix)];
    expect(records.size).toBeGreaterThan(100);
    expect(records).toEqual(textRecords);
    await harness.sql.query('select pg_drop_replication_slot($1)', [text.slotName]);
  },
  120_000,
);

test('a column whose type is not proven, while it runs: rows come as text from there on, none is lost or doubled', async () => {
  const capture = await harness.start();
  const tag = (name: string) => harness.sql.query('insert into commerce.tags (name) values ($1)', [name]);
  await tag('before');
  await harness.sql.query('begin');
  await tag('first of the transaction');
  await harness.sql.query('alter table commerce.tags add column colours text[]');
  await harness.sql.query(`insert into commerce.tags (name, colours) values ('colourful', '{red,"pale blue"}')`);
  await harness.sql.query('commit');
  await tag('after');
  await eventually(() => formatOf(capture).startsWith('text'));
  expect(formatOf(capture)).toBe('text: the binary form of commerce.tags.colours is not proven');
  const reader = harness.reader();
  await reader.reached(await harness.positionNow(), 60_000);
  expect(reader.problems).toEqual([]);
  const rows = reader.changes.filter(({ table }) => table === 'tags').map(({ after }) => after);
  expect(rows.map((row) => row?.['name'])).toEqual(['before', 'first of the transaction', 'colourful', 'after']);
  expect(rows[2]?.['colours']).toBe('{red,"pale blue"}');
  await capture.stop();
  const again = await harness.start();
  expect(formatOf(again)).toBe('text: the binary form of commerce.tags.colours is not proven');
}, 60_000);
