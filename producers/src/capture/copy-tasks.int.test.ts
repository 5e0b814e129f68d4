import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { CaptureHarness } from '../testing/index.ts';
import { expectShapes, openCopyClients } from './copy-clients.ts';
import { CopyGate, copyAll } from './copy-crew.ts';
import { copyPlan, copyStatement } from './copy-tasks.ts';
import { sourceTables } from './source-tables.ts';

let harness: CaptureHarness;
beforeAll(async () => {
  harness = await CaptureHarness.open();
}, 60_000);
afterAll(async () => {
  await harness.close();
}, 60_000);

test('parts of a table hold each of its rows once; its shape is locked until the end, its rows are not', async () => {
  await harness.sql.query(`insert into commerce.tags (name) select 'tag-' || n from generate_series(1, 5000) n`);
  await harness.sql.query(`delete from commerce.tags where name like '%7'`);
  const tables = (await sourceTables(harness.sql, 'millrace')).filter(({ relation }) => relation.table === 'tags');
  const copies = await openCopyClients(harness.database.url, 3, tables, () => undefined);
  try {
    const plan = await copyPlan(copies.clients[0], tables, 4);
    expect(plan.tasks.length).toBeGreaterThan(5);
    const other = await harness.connect();
    await other.query(`set lock_timeout = '100ms'`);
    await expect(other.query('truncate commerce.tags')).rejects.toThrow('lock timeout');
    await other.query(`update commerce.tags set name = 'written meanwhile' where name = 'tag-1'`);
    const names: string[] = [];
    await copyAll(
      copies.clients,
      plan.tasks,
      new CopyGate(),
      (task) =>
        Promise.resolve({
          statement: copyStatement(task),
          onLine: (line: Buffer) => void names.push(line.toString().split('\t')[1] ?? ''),
        }),
      () => undefined,
    );
    expect(names).toHaveLength(4_500);
    expect(new Set(names).size).toBe(4_500);
  } finally {
    await copies.close();
  }
  await harness.sql.query('truncate commerce.tags cascade');
}, 60_000);

test('a table that changed since its shape was read is not copied in the old one', async () => {
  const tables = await sourceTables(harness.sql, 'millrace');
  await expectShapes(harness.sql, 'millrace', tables);
  await harness.sql.query('alter table commerce.tags add column since timestamptz default now()');
  await expect(expectShapes(harness.sql, 'millrace', tables)).rejects.toMatchObject({
    kind: 'table-not-capturable',
    message: expect.stringContaining('commerce.tags changed while the producer was starting'),
  });
}, 60_000);
