import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { ResnapshotState } from '../control/index.ts';
import { CaptureHarness, eventually } from '../testing/index.ts';
import { readDeclaration } from './index.ts';

const MINUTE = 60_000;

const tables = [
  { table: 'Sales desk.Order lines', topic: 'cdc.sales', aggregateColumn: 'Order' },
  { table: 'app.flags', topic: 'cdc.settings', aggregateColumn: 'name' },
  { table: 'other.flags', topic: 'cdc.sales', aggregateColumn: 'name' },
];

async function withDeclaration(
  declared: readonly unknown[],
  work: (harness: CaptureHarness, config: Parameters<CaptureHarness['start']>[0]) => Promise<void>,
): Promise<void> {
  const harness = await CaptureHarness.open();
  const folder = await mkdtemp(join(tmpdir(), 'millrace-declaration-'));
  try {
    const file = join(folder, 'tables.json');
    const topics = JSON.stringify(declared).includes('cdc.settings') ? { 'cdc.settings': { partitions: 1 } } : {};
    await writeFile(file, JSON.stringify({ topics, tables: declared }));
    await harness.sql.query(`
      create schema "Sales desk"; create schema app; create schema other;
      create table "Sales desk"."Order lines" ("Order" int, line int, note text, primary key ("Order", line));
      create table app.flags (name text primary key, value jsonb);
      create table other.flags (name text primary key, value int);
      create table app.keyless (name text, value int);
      create table app.badly_keyed (id int, name text primary key);
      create publication elsewhere for table "Sales desk"."Order lines", app.flags, other.flags, app.badly_keyed`);
    const config = {
      publicationName: 'elsewhere',
      outboxTable: 'none',
      captureTables: { file, declaration: readDeclaration(file) },
    };
    await work(harness, { config });
  } finally {
    await harness.close();
    await rm(folder, { recursive: true, force: true });
  }
}

test(
  'tables of any schema and name are captured, those of one name in two schemas apart',
  () =>
    withDeclaration(tables, async (harness, options) => {
      await harness.sql.query(
        `insert into "Sales desk"."Order lines" select n % 3, n, 'x' from generate_series(1, 9) n`,
      );
      const capture = await harness.start(options);
      await harness.sql.query(`insert into app.flags values ('dark', '{"on": true}')`);
      await harness.sql.query(`insert into other.flags values ('dark', 7)`);
      await harness.sql.query(`insert into commerce.tags (name) values ('of nobody')`);
      await harness.sql.query(`delete from "Sales desk"."Order lines" where line = 9`);
      const reader = harness.reader(options?.config);
      await reader.reached(await harness.positionNow());
      expect(reader.problems).toEqual([]);
      expect([...reader.table('Order lines').keys()].sort()).toEqual(
        [1, 2, 3, 4, 5, 6, 7, 8].map((n) => `Order lines/${n % 3}/${n}`).sort(),
      );
      const flags = reader.changes.filter(({ key }) => key === 'flags/dark');
      const name = harness.config.topicPrefix;
      expect(new Map(flags.map(({ schema, topic, after }) => [`${schema} ${topic}`, after?.['value']]))).toEqual(
        new Map<string, unknown>([
          [`app ${name}cdc.settings`, '{"on": true}'],
          [`other ${name}cdc.sales`, 7],
        ]),
      );
      expect(new Set(reader.changes.map(({ schema }) => schema))).toEqual(new Set(['Sales desk', 'app', 'other']));

      // Read again by topic: partitions are the declaration's.
      await capture.service.control('resnapshot', { topic: 'cdc.settings' });
      await eventually(async () => {
        const list = (await capture.service.control('resnapshots', {})) as { resnapshots: { state: string }[] };
        return list.resnapshots[0]?.state === 'done';
      });
    }),
  MINUTE,
);

test(
  'a table that is added to the publication and the file while it runs is captured with the rows it had, also after a start',
  () =>
    withDeclaration(tables.slice(0, 1), async (harness, options) => {
      const { file } = options?.config?.captureTables ?? {};
      const write = (declared: readonly unknown[]) => writeFile(file ?? '', JSON.stringify({ tables: declared }));
      const config = () => ({
        ...options?.config,
        slotCheckMs: 100,
        captureTables: { file: file ?? null, declaration: readDeclaration(file ?? '') },
      });
      await write(tables.slice(0, 1));
      await harness.sql.query(`insert into app.flags values ('early', '1')`);
      await harness.sql.query(`insert into other.flags values ('early', 1)`);
      const capture = await harness.start({ config: config() });
      await harness.sql.query(`insert into "Sales desk"."Order lines" values (1, 1, 'x')`);
      await write([]);
      await write(tables.slice(0, 2));
      await eventually(async () =>
        (await harness.log.admin.listTopics()).includes(`${harness.config.topicPrefix}cdc.settings`),
      );
      await eventually(() => capture.service.ready().ready);
      await harness.sql.query(`insert into app.flags values ('late', '2')`);
      await capture.stop();
      await write(tables);
      const again = await harness.start({ config: config() });
      await harness.sql.query(`insert into other.flags values ('late', 2)`);
      await eventually(async () => {
        const { resnapshots } = (await again.service.control('resnapshots', {})) as { resnapshots: ResnapshotState[] };
        // One whose asking was not noted before the stop is asked for twice.
        const read = new Set(resnapshots.map(({ request }) => request.table));
        return read.size === 2 && resnapshots.every(({ state }) => state === 'done');
      }, MINUTE);
      const reader = harness.reader(config());
      await reader.reached(await harness.positionNow());
      expect(reader.problems).toEqual([]);
      const names = new Map<string, Set<unknown>>();
      for (const { schema, table, after } of reader.changes) {
        const key = `${schema}.${table}`;
        names.set(key, (names.get(key) ?? new Set()).add(after?.['name'] ?? after?.['note']));
      }
      expect(names).toEqual(
        new Map([
          ['Sales desk.Order lines', new Set(['x'])],
          ['app.flags', new Set(['early', 'late'])],
          ['other.flags', new Set(['early', 'late'])],
        ]),
      );
      expect(reader.changes.filter(({ schema }) => schema === 'Sales desk')).toHaveLength(1);
    }),
  2 * MINUTE,
);

test(
  'what cannot be captured is refused at the start, every table with the statement that mends it',
  () =>
    withDeclaration(
      [
        { table: 'app.nowhere', topic: 'cdc.app', aggregateColumn: 'id' },
        { table: 'app.keyless', topic: 'cdc.settings', aggregateColumn: 'name' },
        { table: 'app.badly_keyed', topic: 'cdc.app', aggregateColumn: 'id' },
      ],
      async (harness, options) => {
        const capture = await harness.start({ ...options, waitReady: false });
        await expect(capture.ended).rejects.toMatchObject({
          kind: 'table-not-capturable',
          message: expect.stringMatching(
            /app\.nowhere does not exist.*\| app\.keyless is not published: alter publication elsewhere add table app\.keyless \| app\.badly_keyed has a primary key that does not begin with id/,
          ),
        });
      },
    ),
  MINUTE,
);
