import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ResnapshotState } from '../control/index.ts';
import { TableReader } from './table-reader.ts';
import type pg from 'pg';
import { CaptureHarness, eventually } from '../testing/index.ts';
import type { PlainReader, ReadChange, RunningCapture } from '../testing/index.ts';

let harness: CaptureHarness;
let capture: RunningCapture;
beforeAll(async () => {
  harness = await CaptureHarness.open(undefined, { RESNAPSHOT_CHUNK_ROWS: '40' });
  await harness.sql.query(
    `insert into commerce.products (sku, name, base_price) select 'sku-' || n, 'name ' || n, n from generate_series(1, 300) n`,
  );
  await harness.sql.query(`insert into commerce.tags (name) select 'tag-' || n from generate_series(1, 20) n`);
  capture = await harness.start();
}, 60_000);
afterAll(async () => {
  await harness.close();
}, 60_000);

async function resnapshot(body: Record<string, unknown>): Promise<ResnapshotState> {
  const { id } = (await capture.service.control('resnapshot', body)) as ResnapshotState;
  let state: ResnapshotState | undefined;
  await eventually(async () => {
    state = (await capture.service.control('resnapshot-state', { id })) as ResnapshotState;
    return state.state !== 'queued' && state.state !== 'running';
  });
  return state!;
}

/** Changes that the log holds after what `reader` had. */
async function after(reader: PlainReader, act: () => Promise<unknown>): Promise<ReadChange[]> {
  await reader.reached(await harness.positionNow());
  const from = reader.changes.length;
  await act();
  await reader.reached(await harness.positionNow());
  return reader.changes.slice(from);
}

/** The tables as they are, and as the log has them. */
async function expectEqual(reader: PlainReader, table: string, key: string, column: string): Promise<void> {
  const { rows } = await harness.sql.query<{ id: string; value: string }>(
    `select ${key}::text as id, ${column}::text as value from commerce.${table}`,
  );
  const held = [...reader.table(table)].map(([id, { after }]) => [id, String(after?.[column])]);
  expect(new Map(held as [string, string][])).toEqual(new Map(rows.map(({ id, value }) => [`${table}/${id}`, value])));
}

test('a table is read again while it is written: positions grow, no older row after a newer, and all of it comes', async () => {
  const reader = harness.reader();
  const stop = new AbortController();
  let writes = 0;
  const writer = (async () => {
    for (; !stop.signal.aborted; writes++) {
      await harness.sql.query(
        `update commerce.products set name = name || '.' where base_price between $1::int and $1::int + 9`,
        [(writes * 37) % 290],
      );
    }
  })();
  const changes = await after(reader, async () => {
    const state = await resnapshot({ table: 'commerce.products' });
    expect(state).toMatchObject({ state: 'done', tables: 1, tablesDone: 1, deleted: 0 });
    stop.abort();
    await writer;
  });
  expect(writes).toBeGreaterThan(3);
  expect(reader.problems).toEqual([]);
  const rows = changes.filter(({ op, table }) => op === 'r' && table === 'products');
  // Chunks of 40: several commits, each row at most once, and most of them.
  expect(new Set(rows.map(({ lsn }) => lsn)).size).toBeGreaterThan(5);
  expect(new Set(rows.map(({ key }) => key)).size).toBe(rows.length);
  const streamed = new Set(changes.filter(({ op }) => op === 'u').map(({ key }) => key));
  expect(new Set([...rows.map(({ key }) => key), ...streamed]).size).toBe(300);
  const versions = new Map<string, number>();
  for (const { table, key, after: row } of reader.changes.filter(({ table }) => table === 'products')) {
    const version = Number(row?.['version']);
    expect([table, key, version >= (versions.get(key) ?? 0)]).toEqual([table, key, true]);
    versions.set(key, version);
  }
  await expectEqual(reader, 'products', 'product_id', 'name');
}, 60_000);

/** Any of 30 tags is inserted, changed, moved to another id or deleted, in transactions that may roll back in part or whole. */
async function writeAtRandom(client: pg.Client, random: () => number, signal: AbortSignal): Promise<void> {
  const id = (): string => `01900000-0000-7000-8000-${String(Math.floor(random() * 30)).padStart(12, '0')}`;
  const statements = [
    `insert into commerce.tags (tag_id, name) values ($1, nextval('writes')::text) on conflict (tag_id) do update set name = nextval('writes')::text`,
    `update commerce.tags set name = nextval('writes')::text where tag_id = $1`,
    `delete from commerce.tags where tag_id = $1`,
  ];
  while (!signal.aborted) {
    await client.query('begin');
    await client.query('savepoint part');
    // One row a part: two in different order would deadlock.
    await client.query(statements[Math.floor(random() * 3)] ?? '', [id()]);
    if (random() < 0.2) await client.query('rollback to part');
    if (random() < 0.3) await new Promise((resolve) => setTimeout(resolve, random() * 30));
    await client.query(random() < 0.1 ? 'rollback' : 'commit');
  }
}

test('what the log missed is healed: rows that are new, rows that changed, and rows that are gone', async () => {
  const reader = harness.reader();
  await harness.sql.query('alter publication millrace drop table commerce.tags');
  await harness.sql.query(`insert into commerce.tags (name) values ('unheard-of')`);
  await harness.sql.query(`update commerce.tags set name = 'changed' where name = 'tag-3'`);
  await harness.sql.query(`delete from commerce.tags where name in ('tag-5', 'tag-6')`);
  await harness.sql.query('alter publication millrace add table commerce.tags');
  await reader.reached(await harness.positionNow());
  expect(reader.table('tags').size).toBe(20);

  const changes = await after(reader, async () => {
    expect(await resnapshot({ table: 'commerce.tags' })).toMatchObject({ state: 'done', rows: 19, deleted: 2 });
  });
  expect(changes.filter(({ op }) => op === 'd')).toHaveLength(2);
  expect(reader.tombstones.filter(({ key }) => key.startsWith('tags/'))).toHaveLength(2);
  await expectEqual(reader, 'tags', 'tag_id', 'name');
  // There is nothing left to heal.
  expect(await resnapshot({ topic: 'cdc.reference' })).toMatchObject({ state: 'done', deleted: 0 });
  expect(reader.problems).toEqual([]);
}, 60_000);

test('of one aggregate, or of some, only their rows are read, in all their tables; a range ends where it is told', async () => {
  const reader = harness.reader();
  const { rows } = await harness.sql.query<{ id: string }>(
    'select product_id::text as id from commerce.products order by product_id',
  );
  const [id = '', last = ''] = [rows[10]?.id, rows[14]?.id];
  const changes = await after(reader, () => resnapshot({ topic: 'cdc.catalog', aggregate: id.toUpperCase() }));
  expect(changes.filter(({ op }) => op === 'r').map(({ table, key }) => [table, key])).toEqual([
    ['products', `products/${id}`],
    ['product_variants', `product_variants/${id}/${id}`],
  ]);
  const gone = '01900000-0000-7000-8000-00000000aced';
  const some = await after(reader, () =>
    resnapshot({ topic: 'cdc.catalog', aggregates: [last, id.toUpperCase(), gone] }),
  );
  expect(some.map(({ op, key }) => [op, key]).sort()).toEqual([
    ['d', `products/${gone}`],
    ...[id, last].map((one) => ['r', `product_variants/${one}/${one}`]),
    ...[id, last].map((one) => ['r', `products/${one}`]),
  ]);
  const range = await after(reader, () => resnapshot({ table: 'products', from: id, to: last }));
  // In key order of each partition.
  expect(range.flatMap(({ op, key }) => (op === 'r' ? [key] : [])).sort()).toEqual(
    rows.slice(10, 15).map((row) => `products/${row.id}`),
  );
}, 60_000);

test('some tables of one topic are read; asked for again with the same purpose, what was begun is answered', async () => {
  const request = { tables: ['product_variants', 'commerce.products'], purpose: 'a test' };
  const reader = harness.reader();
  const changes = await after(reader, async () => {
    const { id, state } = await resnapshot(request);
    expect(state).toBe('done');
    expect(await resnapshot({ ...request, tables: ['products', 'product_variants'] })).toMatchObject({ id, state });
    const other = await capture.service.control('resnapshot', { ...request, purpose: 'another' });
    expect((other as ResnapshotState).id).not.toBe(id);
    await capture.service.control('resnapshot-cancel', { id: (other as ResnapshotState).id });
    expect(await capture.service.control('resnapshot', { ...request, purpose: 'another' })).not.toMatchObject({
      id: (other as ResnapshotState).id,
    });
  });
  expect(new Set(changes.filter(({ op }) => op === 'r').map(({ table }) => table))).toEqual(
    new Set(['products', 'product_variants']),
  );
  const mixed = capture.service.control('resnapshot', { tables: ['products', 'orders'] });
  await expect(mixed).rejects.toThrow('cdc.catalog, cdc.orders');
}, 60_000);

test('it keeps to the rate that it was asked for, and rests while it is held', async () => {
  const began = Date.now();
  const asked = (await capture.service.control('resnapshot', {
    table: 'products',
    rowsPerSecond: 200,
  })) as ResnapshotState;
  const { id } = asked;
  const state = async () => (await capture.service.control('resnapshot-state', { id })) as ResnapshotState;
  await eventually(async () => (await state()).rows > 0);
  await capture.service.control('resnapshot-hold', { id, forMs: 1_500 });
  const { rows: held } = await state();
  await eventually(async () => /rests/.test((await state()).detail ?? ''));
  // A chunk that was on its way when it was told is published still.
  expect((await state()).rows).toBeLessThanOrEqual(held + 40);
  await eventually(async () => (await state()).state === 'done');
  expect(Date.now() - began).toBeGreaterThan(2_000);
  expect((await state()).rows).toBe(300);
}, 60_000);

test('an aggregate that is gone is said to be gone, also where the log does not hold it any more', async () => {
  const reader = harness.reader();
  const gone = '01900000-0000-7000-8000-00000000dead';
  const changes = await after(reader, () => resnapshot({ topic: 'cdc.catalog', aggregate: gone }));
  expect(changes.map(({ op, key }) => [op, key])).toEqual([['d', `products/${gone}`]]);
}, 60_000);

test('a column added before it is in its rows; a request for what is not captured is refused', async () => {
  await harness.sql.query(`alter table commerce.tags add column shade text default 'dark'`);
  const reader = harness.reader();
  const changes = await after(reader, () => resnapshot({ table: 'commerce.tags' }));
  expect(changes.filter(({ op }) => op === 'r').every(({ after: row }) => row?.['shade'] === 'dark')).toBe(true);
  for (const body of [
    { table: 'commerce.audit_log' },
    { topic: 'cdc.nothing' },
    { table: 'tags', from: 'x' },
    { table: 'tags', aggregates: ['x'] },
  ]) {
    await expect(capture.service.control('resnapshot', body)).rejects.toMatchObject({ kind: 'validation-failed' });
  }
}, 60_000);

test('a long transaction that has not begun to commit does not hold it up, and its rows come after', async () => {
  const reader = harness.reader();
  const other = await harness.connect();
  await other.query('begin');
  await other.query(`update commerce.tags set name = 'late' where name = 'tag-8'`);
  const changes = await after(reader, () => resnapshot({ table: 'commerce.tags' }));
  expect(changes.filter(({ after: row }) => row?.['name'] === 'tag-8')).toHaveLength(1);
  const rest = await after(reader, () => other.query('commit'));
  expect(rest.filter(({ table }) => table === 'tags').map(({ after: row }) => row?.['name'])).toEqual(['late']);
  await expectEqual(reader, 'tags', 'tag_id', 'name');
}, 60_000);

test('cancelled, it ends where it is; another goes on', async () => {
  await capture.service.control('pause', {});
  const first = (await capture.service.control('resnapshot', { table: 'products' })) as ResnapshotState;
  const second = (await capture.service.control('resnapshot', { table: 'tags' })) as ResnapshotState;
  expect(await capture.service.control('resnapshot-cancel', { id: first.id })).toMatchObject({ state: 'cancelled' });
  await capture.service.control('resume', {});
  await eventually(async () => {
    const state = (await capture.service.control('resnapshot-state', { id: second.id })) as ResnapshotState;
    return state.state === 'done';
  });
  await expect(capture.service.control('resnapshot-cancel', { id: first.id })).rejects.toMatchObject({
    kind: 'conflict',
  });
  await expect(capture.service.control('resnapshot-state', { id: '999999' })).rejects.toMatchObject({
    kind: 'not-found',
  });
}, 60_000);

test('a key that is no value of its column is no row of the table, and nothing to delete', async () => {
  const client = await harness.connect();
  const reader = new TableReader(client, 'millrace', new AbortController().signal);
  const scope = { schema: 'commerce', table: 'tags', aggregateColumn: 'tag_id', primaryKey: ['tag_id'] };
  const { rows } = await harness.sql.query<{ id: string }>('select tag_id::text as id from commerce.tags limit 1');
  const [held = ''] = rows.map(({ id }) => id);
  const gone = '01900000-0000-7000-8000-00000000beef';
  const { absent } = await reader.absent({ ...scope, from: null, to: null, among: null }, [
    ['not an id'],
    [held],
    [gone],
  ]);
  expect(absent).toEqual([2]);
  const { absent: within } = await reader.absent({ ...scope, from: held, to: held, among: null }, [[held], [gone]]);
  const among = await reader.absent({ ...scope, from: null, to: null, among: [gone] }, [[held], [gone]]);
  expect(among.absent).toEqual([1]);
  expect(within).toEqual([]);
  await reader.release();
}, 60_000);

test('under writers that insert, change, delete and roll back at random, each key’s values only grow, and all end as the table', async () => {
  const reader = harness.reader();
  await harness.sql.query('create sequence writes');
  const stop = new AbortController();
  let seed = 20_261;
  const random = (): number => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648;
  const clients = [await harness.connect(), await harness.connect(), await harness.connect()];
  const writers = clients.map((client) => writeAtRandom(client, random, stop.signal));
  for (let run = 0; run < 8; run++) {
    expect(await resnapshot({ table: 'tags' })).toMatchObject({ state: 'done' });
  }
  stop.abort();
  await Promise.all(writers);
  expect(await resnapshot({ table: 'tags' })).toMatchObject({ state: 'done' });
  await reader.reached(await harness.positionNow());
  expect(reader.problems).toEqual([]);
  const values = new Map<string, number>();
  let copied = 0;
  for (const { table, key, op, after: row } of reader.changes) {
    const value = Number(row?.['name']);
    if (table !== 'tags' || Number.isNaN(value)) continue;
    if (op === 'r') copied++;
    if (op !== 'd') expect([key, value >= (values.get(key) ?? 0)]).toEqual([key, true]);
    values.set(key, value);
  }
  expect(copied).toBeGreaterThan(50);
  await expectEqual(reader, 'tags', 'tag_id', 'name');
}, 60_000);

test('what is deleted while the log is looked through for rows that no table has is deleted once', async () => {
  const reader = harness.reader();
  const stop = new AbortController();
  const writer = (async () => {
    for (let n = 0; !stop.signal.aborted; n++) {
      await harness.sql.query(
        `insert into commerce.products (sku, name, base_price) select 'brief-' || $1 || '-' || i, 'brief', 1 from generate_series(1, 5) i`,
        [n],
      );
      await harness.sql.query(`delete from commerce.products where sku like 'brief-' || $1 || '-%'`, [n - 3]);
    }
  })();
  const changes = await after(reader, async () => {
    for (let times = 0; times < 8; times++) {
      expect(await resnapshot({ topic: 'cdc.catalog' })).toMatchObject({ state: 'done', deleted: 0 });
    }
    stop.abort();
    await writer;
  });
  const deletes = changes.filter(({ op, table }) => op === 'd' && table === 'products').map(({ key }) => key);
  expect(deletes.length).toBeGreaterThan(20);
  expect(new Set(deletes).size).toBe(deletes.length);
}, 60_000);
