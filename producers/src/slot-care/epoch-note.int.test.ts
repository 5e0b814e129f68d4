import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { silentLogger } from '@millrace/kernel/telemetry';
import type { Logger } from '@millrace/kernel/telemetry';
import { POSITION_NOW_QUERY, positionNow } from '@millrace/schemas/source';
import type { PositionNowRow } from '@millrace/schemas/source';
import { connectSource, endQuietly } from '../replication/connect.ts';
import { CaptureHarness } from '../testing/index.ts';
import { noteEpoch } from './epoch-note.ts';

let harness: CaptureHarness;
beforeEach(async () => {
  harness = await CaptureHarness.open();
}, 60_000);
afterEach(() => harness.close(), 60_000);

const insertTag = (name: string) => harness.sql.query('insert into commerce.tags (name) values ($1)', [name]);

/** As the API makes a token. */
async function position(): Promise<bigint> {
  const { rows } = await harness.sql.query<PositionNowRow>(POSITION_NOW_QUERY, [harness.config.slotName]);
  return positionNow(rows[0]);
}

test('a commit’s position, made beside it, is reached by the log, before a heal raised the epoch and after', async () => {
  const first = await harness.start();
  await insertTag('before');
  const before = await position();
  const reader = harness.reader();
  await reader.reached(before);
  await first.stop();
  const healed = await harness.start({ config: { sourceEpoch: 1 } });
  await insertTag('after');
  const after = await position();
  expect([before >> 56n, after >> 56n]).toEqual([0n, 1n]);
  await reader.reached(after);
  expect(reader.problems).toEqual([]);
  const names = [...reader.table('tags').values()].map((change) => change.after?.['name']);
  expect(names.sort()).toEqual(['after', 'before']);
  await healed.stop();
  // What the log knows stands above what the source says.
  await harness.sql.query('update millrace.capture_epochs set epoch = 0');
  await harness.start();
  expect((await position()) >> 56n).toBe(1n);
}, 60_000);

test('a source that never needed an epoch is left as it is; the table is made where it is needed', async () => {
  const { sql } = harness;
  const epochs = async () => (await sql.query('select slot, epoch from millrace.capture_epochs')).rows as unknown[];
  await noteEpoch(sql, 'one', 0, silentLogger());
  expect(await epochs()).toEqual([]);
  await sql.query('drop table millrace.capture_epochs');
  await noteEpoch(sql, 'one', 0, silentLogger());
  await expect(epochs()).rejects.toThrow('does not exist');
  await noteEpoch(sql, 'one', 2, silentLogger());
  await noteEpoch(sql, 'two', 1, silentLogger());
  await noteEpoch(sql, 'two', 0, silentLogger());
  expect(await epochs()).toEqual([
    { slot: 'one', epoch: 2 },
    { slot: 'two', epoch: 0 },
  ]);
}, 60_000);

test('a role that may not write it is told what to grant, and goes on', async () => {
  const role = `reader_${harness.config.slotName}`;
  await harness.sql.query(`create role ${role}`);
  await harness.sql.query(`grant usage on schema millrace to ${role}`);
  const client = await connectSource(harness.database.url);
  try {
    await client.query(`set role ${role}`);
    const warnings: unknown[] = [];
    const logger = { warn: (_context: unknown, text: string) => warnings.push(text) } as unknown as Logger;
    await noteEpoch(client, 'one', 1, logger);
    expect(warnings).toEqual([expect.stringContaining('millrace.capture_epochs')]);
  } finally {
    await endQuietly(client);
    await harness.sql.query(`drop owned by ${role}`);
    await harness.sql.query(`drop role ${role}`);
  }
}, 60_000);
