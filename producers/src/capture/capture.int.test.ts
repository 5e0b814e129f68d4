import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { UNCHANGED } from '@millrace/schemas/cdc';
import { capturedTables } from '@millrace/schemas/topics';
import { CaptureHarness } from '../testing/index.ts';

let harness: CaptureHarness;
beforeAll(async () => {
  harness = await CaptureHarness.open();
}, 60_000);
afterAll(async () => {
  await harness.close();
}, 60_000);

const insertProducts = (from: number, to: number) =>
  harness.sql.query(
    `insert into commerce.products (sku, name, description, base_price)
     select 'sku-' || n, E'name\\t\\\\' || n || E'\\nü', 'about ' || n, n from generate_series($1::int, $2::int) n`,
    [from, to],
  );

test('snapshot and stream together equal the tables', async () => {
  await insertProducts(1, 500);
  await harness.start();
  await insertProducts(501, 600);
  await harness.sql.query(`update commerce.products set name = name || '!' where base_price <= 10`);
  await harness.sql.query(`delete from commerce.products where base_price = 20`);
  const reader = harness.reader();
  await reader.reached(await harness.positionNow());

  expect(reader.problems).toEqual([]);
  for (const { table } of capturedTables) {
    const { rows } = await harness.sql.query<{ count: number }>(`select count(*)::int from commerce.${table}`);
    expect([table, reader.table(table).size]).toEqual([table, rows[0]?.count]);
  }
  const { rows } = await harness.sql.query<{ product_id: string; name: string; price: string; us: string }>(
    `select product_id, name, base_price::text as price, (extract(epoch from updated_at) * 1000000)::int8::text as us
     from commerce.products`,
  );
  const held = reader.table('products');
  for (const { product_id, name, price, us } of rows) {
    expect(held.get(`products/${product_id}`)?.after).toMatchObject({
      name,
      base_price: price,
      updated_at: Number(us),
    });
  }
  expect(reader.tombstones.filter(({ key }) => key.startsWith('products/'))).toHaveLength(1);
  expect(new Set(reader.changes.filter(({ snapshot }) => snapshot).map(({ lsn }) => lsn)).size).toBe(1);
}, 60_000);

test('a transaction is whole and in order, its rows numbered across partitions', async () => {
  const reader = harness.reader();
  await harness.sql.query('begin');
  await insertProducts(10_001, 10_050);
  await harness.sql.query(`update commerce.products set status = 'archived' where base_price > 10000`);
  await harness.sql.query('commit');
  await reader.reached(await harness.positionNow());
  const lsn = reader.changes.find(({ after }) => after?.['sku'] === 'sku-10001')?.lsn;
  const rows = reader.changes.filter((change) => change.lsn === lsn).sort((a, b) => a.ordinal - b.ordinal);
  // 50 inserts, 50 updates, and the 50 default variants that a deferred trigger adds.
  expect(rows.map(({ ordinal }) => ordinal)).toEqual(Array.from({ length: 150 }, (_, index) => index));
  expect(rows.slice(50, 100).every(({ op, after }) => op === 'u' && after?.['status'] === 'archived')).toBe(true);
  expect(new Set(rows.map(({ txid, tsUs }) => `${txid} ${tsUs}`)).size).toBe(1);
}, 60_000);

test('a large column that an update left alone is said to be unchanged, never null', async () => {
  const reader = harness.reader();
  await harness.sql.query(
    `insert into commerce.products (sku, name, base_price, description)
     select 'large', 'large', 1, string_agg(md5(n::text), '') from generate_series(1, 1000) n`,
  );
  await harness.sql.query(`update commerce.products set name = 'larger' where sku = 'large'`);
  await reader.reached(await harness.positionNow());
  const changes = reader.changes.filter(({ table, after }) => table === 'products' && after?.['sku'] === 'large');
  expect(changes.map(({ op }) => op)).toEqual(['c', 'u']);
  expect(String(changes[0]?.after?.['description'])).toHaveLength(32_000);
  expect(changes[1]?.after).toMatchObject({ name: 'larger', description: UNCHANGED });
}, 60_000);

test('a truncate reaches every partition; a changed key is a delete and an insert', async () => {
  const reader = harness.reader();
  await harness.sql.query(
    `insert into commerce.tags (tag_id, name) values ('00000000-0000-7000-8000-0000000000aa', 'red')`,
  );
  await harness.sql.query(
    `update commerce.tags set tag_id = '00000000-0000-7000-8000-0000000000bb' where name = 'red'`,
  );
  await harness.sql.query('truncate commerce.reviews');
  await reader.reached(await harness.positionNow());
  expect(reader.changes.filter(({ op }) => op === 't').map(({ key, partition }) => [key, partition])).toEqual(
    expect.arrayContaining([
      ['reviews/', 0],
      ['reviews/', 1],
    ]),
  );
  const tags = reader.changes.filter(({ table }) => table === 'tags');
  expect(tags.map(({ op, key }) => [op, key.slice(-2)])).toEqual([
    ['c', 'aa'],
    ['d', 'aa'],
    ['c', 'bb'],
  ]);
  expect(reader.tombstones.map(({ key }) => key)).toContain('tags/00000000-0000-7000-8000-0000000000aa');
}, 60_000);

test('stopped and started again, it goes on without a gap or a repetition', async () => {
  const second = await CaptureHarness.open();
  try {
    const first = await second.start();
    await second.sql.query(`insert into commerce.tags (name) values ('before')`);
    await first.stop();
    await second.sql.query(`insert into commerce.tags (name) values ('between')`);
    await second.start();
    await second.sql.query(`insert into commerce.tags (name) values ('after')`);
    const reader = second.reader();
    await reader.reached(await second.positionNow());
    expect(reader.problems).toEqual([]);
    expect(reader.changes.filter(({ table }) => table === 'tags').map(({ after }) => after?.['name'])).toEqual([
      'before',
      'between',
      'after',
    ]);
  } finally {
    await second.close();
  }
}, 60_000);

test('a column added while it runs is in the changes after it', async () => {
  const reader = harness.reader();
  await harness.sql.query('alter table commerce.tags add column colour text');
  await harness.sql.query(`insert into commerce.tags (name, colour) values ('green', '#0f0')`);
  await reader.reached(await harness.positionNow());
  expect(reader.changes.find(({ after }) => after?.['name'] === 'green')?.after).toMatchObject({ colour: '#0f0' });
}, 60_000);
