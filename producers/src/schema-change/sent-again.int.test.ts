import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { CaptureHarness, eventually } from '../testing/index.ts';
import type { RunningCapture } from '../testing/index.ts';

/** Incompatible changes in what Postgres sends to a producer that begins before them. */
let harness: CaptureHarness;
beforeEach(async () => {
  harness = await CaptureHarness.open();
  await harness.sql.query('alter table commerce.tags add column weight int');
}, 60_000);
afterEach(() => harness.close(), 60_000);

const tag = (name: string, weight: number | string) =>
  harness.sql.query('insert into commerce.tags (name, weight) values ($1, $2)', [name, weight]);
const retype = () => harness.sql.query('alter table commerce.tags alter column weight type text using weight::text');
const parkedOf = ({ service }: RunningCapture) =>
  (service.status() as { parked: { table: string; cause: string; rows: number }[] }).parked;

async function resume({ service }: RunningCapture, table: string): Promise<void> {
  const { resnapshot } = (await service.control('resume', { table })) as { resnapshot: { id: string } };
  await eventually(async () => {
    const { state } = (await service.control('resnapshot-state', { id: resnapshot.id })) as { state: string };
    return state === 'done';
  }, 40_000);
}

/** Every change of the table in the log, by its name, in order. */
async function logged(table: string): Promise<string[]> {
  const reader = harness.reader();
  await reader.reached(await harness.positionNow());
  expect(reader.problems).toEqual([]);
  return reader.changes
    .filter((change) => change.table === table)
    .map(({ op, before, after }) => `${op} ${String((after ?? before)?.['name'])}`);
}

test('a table whose type changes while no producer runs is parked where that was committed: what came before is published as it was', async () => {
  const first = await harness.start();
  await tag('one', 1);
  await first.stop();
  await tag('two', 2);
  await retype();
  const capture = await harness.start();
  expect(await logged('tags')).toEqual(['c one', 'c two']);
  await tag('three', 'heavy');
  await eventually(() => parkedOf(capture)[0]?.rows === 1);
  await resume(capture, 'commerce.tags');
  await tag('four', 'heavier');
  expect((await logged('tags')).sort()).toEqual(['c four', 'c one', 'c two', 'r one', 'r three', 'r two']);
}, 120_000);

test('sent again from before it was parked to after it was resumed, a table is neither parked again nor doubled', async () => {
  const { slotName } = harness.config;
  const first = await harness.start();
  await tag('one', 1);
  await logged('tags');
  await harness.sql.query(`select pg_copy_logical_replication_slot($1, $2)`, [slotName, `${slotName}_before`]);
  await tag('two', 2);
  await retype();
  await tag('three', 'heavy');
  await eventually(() => parkedOf(first)[0]?.rows === 1);
  await resume(first, 'commerce.tags');
  await tag('four', 'heavier');
  const before = await logged('tags');
  await first.stop();

  await harness.sql.query('select pg_drop_replication_slot($1)', [slotName]);
  await harness.sql.query('select pg_copy_logical_replication_slot($1, $2)', [`${slotName}_before`, slotName]);
  await harness.sql.query('select pg_drop_replication_slot($1)', [`${slotName}_before`]);
  const capture = await harness.start();
  await tag('five', 'heaviest');
  expect(await logged('tags')).toEqual([...before, 'c five']);
  expect(parkedOf(capture)).toEqual([]);
}, 120_000);

test('a table that was parked with rows of its old key under way goes on when it is resumed', async () => {
  const first = await harness.start();
  await tag('one', 1);
  await first.stop();
  await tag('two', 2);
  await harness.sql.query(
    'alter table commerce.tags drop constraint tags_pkey cascade, add primary key (tag_id, name)',
  );
  const capture = await harness.start();
  await eventually(() => (parkedOf(capture)[0]?.rows ?? 0) > 0);
  expect(parkedOf(capture)).toMatchObject([{ table: 'commerce.tags', cause: 'key' }]);
  await resume(capture, 'commerce.tags');
  await tag('three', 3);
  const reader = harness.reader();
  await reader.reached(await harness.positionNow());
  expect([...reader.table('tags').values()].map(({ after }) => after?.['name']).sort()).toEqual([
    'one',
    'three',
    'two',
  ]);
}, 120_000);
