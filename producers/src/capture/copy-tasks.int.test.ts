import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { CaptureHarness } from '../testing/index.ts';
import { enterSnapshot, openCopyClients } from './copy-clients.ts';
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

/** A snapshot of now, as a slot exports it. */
async function exported(): Promise<string> {
  const client = await harness.connect();
  await client.query('begin isolation level repeatable read');
  const { rows } = await client.query<{ name: string }>('select pg_export_snapshot() as name');
  harness.onClose(() => client.query('commit'));
  return rows[0]?.name ?? '';
}

test('parts of a table hold each of its rows once; its shape is locked until the end, its rows are not', async () => {
  await harness.sql.query(`insert into commerce.tags (name) select 'tag-' || n from generate_series(1, 5000) n`);
  await harness.sql.query(`delete from commerce.tags where name like '%7'`);
  const tables = (await sourceTables(harness.sql, 'millrace')).filter(({ relation }) => relation.table === 'tags');
  const copies = await openCopyClients(harness.database.url, 3, () => undefined);
  try {
    await enterSnapshot(copies.clients, await exported(), 'millrace', tables);
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

test('a table that was truncated, rewritten or changed since the snapshot was exported is refused, not copied empty', async () => {
  await harness.sql.query(`insert into commerce.tags (name) values ('there')`);
  const changes = [
    'truncate commerce.tags cascade',
    'alter table commerce.tags alter column name type varchar(90) using substr(name, 1, 90)',
  ];
  for (const change of changes) {
    const tables = await sourceTables(harness.sql, 'millrace');
    const snapshot = await exported();
    await harness.sql.query(change);
    const copies = await openCopyClients(harness.database.url, 1, () => undefined);
    await expect(enterSnapshot(copies.clients, snapshot, 'millrace', tables)).rejects.toMatchObject({
      kind: 'table-not-capturable',
      message: expect.stringContaining('commerce.tags'),
    });
    await copies.close();
  }
  const tables = await sourceTables(harness.sql, 'millrace');
  await harness.sql.query('alter table commerce.tags add column since timestamptz default now()');
  const copies = await openCopyClients(harness.database.url, 1, () => undefined);
  await expect(enterSnapshot(copies.clients, await exported(), 'millrace', tables)).rejects.toThrow('commerce.tags');
  await copies.close();
}, 60_000);
