import { afterEach, expect, test } from '@jest/globals';
import { migrate } from '@millrace/database/migrate';
import { OwnPostgres, ownPort } from '@millrace/infra-local/testing';
import { Releasers } from '@millrace/kernel/lifecycle';
import type { ResnapshotState } from '../control/index.ts';
import pg from 'pg';
import { CaptureHarness, ChildCapture, eventually } from '../testing/index.ts';
import type { RunningCapture } from '../testing/index.ts';

let releasers = new Releasers();
afterEach(async () => {
  await releasers.release();
  releasers = new Releasers();
}, 60_000);

async function open(databaseUrl?: string, settings: Readonly<Record<string, string>> = {}): Promise<CaptureHarness> {
  const harness = await CaptureHarness.open(databaseUrl, settings);
  releasers.push('harness', () => harness.close());
  return harness;
}

async function state(capture: RunningCapture, id: string): Promise<ResnapshotState> {
  return (await capture.service.control('resnapshot-state', { id })) as ResnapshotState;
}

test('killed while it reads a table, the next producer goes on after what the log holds', async () => {
  const port = await ownPort();
  const harness = await open(undefined, { RESNAPSHOT_CHUNK_ROWS: '50', RESNAPSHOT_ROWS_PER_SECOND: '800' });
  await harness.sql.query(`insert into commerce.tags (name) select 'tag-' || n from generate_series(1, 2000) n`);
  const child = new ChildCapture({ ...harness.environment, HEALTH_PORT: String(port) });
  harness.onClose(() => child.kill());
  await eventually(() => child.output.includes('"streaming"'), 30_000);
  const ask = async (action: string, body: unknown): Promise<ResnapshotState> => {
    const response = await fetch(`http://127.0.0.1:${port}/control/${action}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(response.status).toBe(200);
    return (await response.json()) as ResnapshotState;
  };
  const { id } = await ask('resnapshot', { table: 'commerce.tags' });
  await eventually(async () => (await ask('resnapshot-state', { id })).rows >= 700);
  await child.kill();
  await harness.sql.query(`update commerce.tags set name = name || '!' where name like 'tag-1%'`);

  const capture = await harness.start();
  await eventually(async () => (await state(capture, id)).state === 'done', 30_000);
  const reader = harness.reader();
  await reader.reached(await harness.positionNow());
  expect(reader.problems).toEqual([]);
  const copied = new Set(reader.changes.filter(({ op }) => op === 'r').map(({ lsn }) => lsn));
  // The first snapshot is one commit; the rest are chunks.
  const [first] = copied;
  const again = reader.changes.filter(({ op, lsn, table }) => op === 'r' && lsn !== first && table === 'tags');
  expect(new Set(again.map(({ key }) => key)).size).toBe(2_000);
  // It did not begin again: what came twice is what was read in the half second before the kill.
  expect(again.length).toBeLessThan(2_600);
  const { rows } = await harness.sql.query<{ id: string; name: string }>(
    'select tag_id::text as id, name from commerce.tags',
  );
  const held = [...reader.table('tags')].map(([key, { after }]) => [key, after?.['name']]);
  expect(new Map(held as [string, string][])).toEqual(new Map(rows.map(({ id: tag, name }) => [`tags/${tag}`, name])));
}, 120_000);

test('while synchronous replication waits, no chunk puts the older row after the newer', async () => {
  const postgres = await OwnPostgres.start({ port: await ownPort() });
  releasers.push('postgres', () => postgres.remove());
  await migrate(postgres.url);
  const harness = await open(postgres.url);
  const configure = async (name: string, value: string): Promise<void> => {
    await harness.sql.query(`alter system set ${pg.escapeIdentifier(name)} = ${pg.escapeLiteral(value)}`);
    await harness.sql.query('select pg_reload_conf()');
  };
  await harness.sql.query(`insert into commerce.tags (name) select 'tag-' || n from generate_series(1, 10) n`);
  const capture = await harness.start();
  await configure('synchronous_standby_names', 'nobody');
  await harness.sql.query('set synchronous_commit = local');
  await eventually(async () => {
    const { rows } = await harness.sql.query<{ names: string }>(
      `select current_setting('synchronous_standby_names') as names`,
    );
    return rows[0]?.names === 'nobody';
  });
  // Streamed, but seen by nobody: its session waits for a standby that never comes.
  const waiting = await harness.connect();
  const update = waiting.query(`update commerce.tags set name = 'newer' where name = 'tag-3'`);
  update.catch(() => undefined);
  const reader = harness.reader();
  await reader.until(() => reader.changes.some(({ after }) => after?.['name'] === 'newer'));
  const seen = await harness.sql.query(`select from commerce.tags where name = 'newer'`);
  expect(seen.rowCount).toBe(0);

  const { id } = (await capture.service.control('resnapshot', { table: 'tags' })) as ResnapshotState;
  await eventually(async () => (await state(capture, id)).detail?.includes('may be committing') === true);
  // Another one, streamed while the request waits, is no reason to wait for.
  const later = await harness.connect();
  const second = later.query(`update commerce.tags set name = 'newest' where name = 'tag-7'`);
  second.catch(() => undefined);
  await reader.until(() => reader.changes.some(({ after }) => after?.['name'] === 'newest'));
  expect(await state(capture, id)).toMatchObject({ state: 'running', rows: 0 });

  // The first one is let go by its own session's cancel: Postgres ends the wait, the commit stays.
  const pid = (waiting as unknown as { processID: number }).processID;
  await harness.sql.query('select pg_cancel_backend($1)', [pid]);
  await update.catch(() => undefined);
  await eventually(async () => (await state(capture, id)).state === 'done');
  await reader.reached(await harness.positionNow());
  expect(reader.problems).toEqual([]);
  const names = (name: string): unknown[] => {
    const key = reader.changes.find(({ after }) => after?.['name'] === name)?.key;
    return reader.changes.filter((change) => change.key === key).map(({ after }) => after?.['name']);
  };
  expect(names('newer')).toEqual(['tag-3', 'newer', 'newer']);
  // Still unseen when its chunk was read as it was before: left out.
  expect(names('newest')).toEqual(['tag-7', 'newest']);
  await configure('synchronous_standby_names', '');
  await second;
}, 120_000);
