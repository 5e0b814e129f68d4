import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { CaptureHarness, eventually } from '../testing/index.ts';
import type { RunningCapture } from '../testing/index.ts';
import type { DdlMark } from './ddl.ts';
import type { ParkedTable } from './parked-tables.ts';

let harness: CaptureHarness;
beforeEach(async () => {
  harness = await CaptureHarness.open();
}, 60_000);
afterEach(async () => {
  await harness.close();
}, 60_000);

const tag = (name: string) => harness.sql.query('insert into commerce.tags (name) values ($1)', [name]);
const vendor = (name: string) => harness.sql.query('insert into commerce.vendors (name) values ($1)', [name]);

const parkedOf = ({ service }: RunningCapture) => (service.status() as { parked: ParkedTable[] }).parked;

async function resume({ service }: RunningCapture, table: string): Promise<void> {
  await service.control('resume', { table });
  await eventually(async () => {
    const { resnapshots } = (await service.control('resnapshots', {})) as { resnapshots: { state: string }[] };
    return resnapshots.length > 0 && resnapshots.every(({ state }) => state === 'done');
    // It waits for what others have running on the shared server.
  }, 40_000);
}

/** Rows in the log equal those of the table, in the columns asked for. */
async function expectInLog(table: string, columns: readonly string[]): Promise<void> {
  const reader = harness.reader();
  await reader.reached(await harness.positionNow());
  expect(reader.problems).toEqual([]);
  const held = [...reader.table(table).values()].map(({ after }) => columns.map((column) => String(after?.[column])));
  const { rows } = await harness.sql.query<Record<string, unknown>>(
    `select ${columns.map((column) => `${column}::text`).join(', ')} from commerce.${table}`,
  );
  expect(held.map(String).sort()).toEqual(
    rows.map((row) => String(columns.map((column) => String(row[column])))).sort(),
  );
}

test('columns added, renamed, dropped and widened while it runs go on without a word, and the source says where', async () => {
  const capture = await harness.start();
  await tag('before');
  await harness.sql.query('alter table commerce.tags add column colour text, add column weight int');
  await harness.sql.query(`insert into commerce.tags (name, colour, weight) values ('coloured', 'red', 1)`);
  await harness.sql.query('alter table commerce.tags rename column colour to shade');
  await harness.sql.query(`insert into commerce.tags (name, shade) values ('shaded', 'dark')`);
  await harness.sql.query('alter table commerce.tags alter column weight type bigint');
  await harness.sql.query(`insert into commerce.tags (name, weight) values ('heavy', 5000000000)`);
  await harness.sql.query('alter table commerce.tags drop column shade');
  await tag('after');
  const reader = harness.reader();
  await reader.reached(await harness.positionNow());
  const after = (name: string) => reader.changes.find((change) => change.after?.['name'] === name)?.after;
  expect(after('coloured')).toMatchObject({ colour: 'red', weight: 1 });
  expect(after('shaded')).toMatchObject({ shade: 'dark', weight: null });
  expect(after('heavy')).toMatchObject({ weight: 5_000_000_000n });
  expect(after('after')).not.toHaveProperty('shade');
  expect(parkedOf(capture)).toEqual([]);
  const { ddl } = capture.service.status() as { ddl: DdlMark[] };
  expect(ddl.map(({ tag: command }) => command)).toEqual(Array.from({ length: ddl.length }, () => 'ALTER TABLE'));
  expect(ddl[0]?.object).toBe('commerce.tags');
  expect(ddl.some(({ object }) => object === 'commerce.tags.shade')).toBe(true);
  const positions = ddl.map(({ position }) => position);
  expect(positions).toEqual([...positions].sort());
}, 60_000);

test('a column of another type parks its table alone, also over a restart, until the operator goes on', async () => {
  await harness.sql.query('alter table commerce.tags add column weight int');
  const capture = await harness.start();
  await harness.sql.query(`insert into commerce.tags (name, weight) values ('light', 1), ('gone', 2)`);
  await harness.sql.query('alter table commerce.tags alter column weight type text using weight::text');
  await harness.sql.query(`insert into commerce.tags (name, weight) values ('worded', 'heavy')`);
  await harness.sql.query(`delete from commerce.tags where name = 'gone'`);
  await vendor('flows');
  await eventually(() => parkedOf(capture)[0]?.rows === 2);
  expect(parkedOf(capture)).toMatchObject([{ table: 'commerce.tags', cause: 'schema' }]);
  expect(capture.service.ready()).toMatchObject({
    ready: true,
    reason: expect.stringContaining('millrace capture resume --table commerce.tags'),
  });
  await expectInLog('vendors', ['name']);
  await capture.stop();

  await tag('while it was down');
  const again = await harness.start();
  await vendor('flows on');
  await expectInLog('vendors', ['name']);
  expect(parkedOf(again)).toMatchObject([{ table: 'commerce.tags', cause: 'schema' }]);
  await expect(again.service.control('resnapshot', { table: 'commerce.tags' })).rejects.toMatchObject({
    kind: 'validation-failed',
  });
  await resume(again, 'commerce.tags');
  await tag('later');
  await expectInLog('tags', ['name', 'weight']);
  expect(parkedOf(again)).toEqual([]);
  await expect(again.service.control('resume', { table: 'commerce.tags' })).rejects.toMatchObject({
    kind: 'not-found',
  });
  await again.stop();
  const third = await harness.start();
  expect(parkedOf(third)).toEqual([]);
  expect(await third.service.control('resnapshots', {})).toMatchObject({ resnapshots: [{ state: 'done' }] });
  await tag('last');
  await expectInLog('tags', ['name', 'weight']);
}, 120_000);

test('a table that is renamed is parked under its name; renamed back and resumed, nothing is missing', async () => {
  const capture = await harness.start();
  await tag('one');
  await harness.sql.query('alter table commerce.tags rename to labels');
  await harness.sql.query(`insert into commerce.labels (name) values ('two')`);
  await eventually(() => parkedOf(capture)[0]?.rows === 1);
  expect(parkedOf(capture)).toMatchObject([
    { table: 'commerce.tags', cause: 'missing', reason: expect.stringContaining('renamed to commerce.labels') },
  ]);
  await expect(capture.service.control('resume', { table: 'commerce.tags' })).rejects.toMatchObject({
    kind: 'table-not-capturable',
    message: expect.stringContaining('commerce.tags does not exist'),
  });
  await harness.sql.query('alter table commerce.labels rename to tags');
  await resume(capture, 'commerce.tags');
  await tag('three');
  await expectInLog('tags', ['name']);
}, 60_000);

test('a table whose key changes is parked; resumed, its topic holds it under the new keys only', async () => {
  const capture = await harness.start();
  await harness.sql.query(`insert into commerce.products (sku, name, base_price) values ('p', 'p', 1)`);
  const review = (rating: number) =>
    harness.sql.query(
      `insert into commerce.reviews (product_id, rating) select product_id, $1 from commerce.products`,
      [rating],
    );
  await review(1);
  await harness.sql.query(
    'alter table commerce.reviews drop constraint reviews_pkey, add primary key (product_id, rating, review_id)',
  );
  await review(2);
  await eventually(() => parkedOf(capture)[0]?.cause === 'key');
  await resume(capture, 'commerce.reviews');
  await review(3);
  await expectInLog('reviews', ['review_id', 'rating']);
  const reader = harness.reader();
  await reader.reached(await harness.positionNow());
  expect([...reader.table('reviews').keys()].every((key) => key.split('/').length === 4)).toBe(true);
}, 60_000);

test('a table that cannot be captured any more at a start is parked, and the others flow', async () => {
  const first = await harness.start();
  await tag('one');
  await first.stop();
  await harness.sql.query('alter publication millrace drop table commerce.tags');
  await tag('two');
  const capture = await harness.start();
  expect(parkedOf(capture)).toMatchObject([
    { table: 'commerce.tags', reason: expect.stringContaining('alter publication millrace add table commerce.tags') },
  ]);
  await vendor('flows');
  await expectInLog('vendors', ['name']);
  await harness.sql.query('alter publication millrace add table commerce.tags');
  await resume(capture, 'commerce.tags');
  await tag('three');
  await expectInLog('tags', ['name']);
}, 60_000);
