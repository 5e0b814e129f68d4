import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createTestDatabase } from '@millrace/database/testing';
import type { TestDatabase } from '@millrace/database/testing';
import { silentLogger } from '@millrace/kernel/telemetry';
import pg from 'pg';
import { forgetOld, startBehaviourRetention } from './index.ts';

let database: TestDatabase;
let sql: pg.Client;
beforeAll(async () => {
  database = await createTestDatabase();
  sql = new pg.Client({ connectionString: database.url });
  await sql.connect();
}, 60_000);
afterAll(async () => {
  await sql.end();
  await database.drop();
}, 60_000);

/** Events of one session that came so many days ago. */
async function session(...daysAgo: number[]): Promise<string> {
  const id = randomUUID();
  await sql.query(
    `insert into commerce.behaviour_events (session_id, kind, occurred_at, created_at)
     select $1, 'view', now() - make_interval(days => d), now() - make_interval(days => d) from unnest($2::int[]) as d`,
    [id, daysAgo],
  );
  return id;
}

async function left(): Promise<Record<string, number>> {
  const { rows } = await sql.query<{ id: string; n: number }>(
    'select session_id::text as id, count(*)::int as n from commerce.behaviour_events group by 1',
  );
  return Object.fromEntries(rows.map(({ id, n }) => [id, n]));
}

test('sessions go whole when their newest event is old, in chunks, and those that go on stay whole', async () => {
  await session(40, 31);
  await session(35);
  const goesOn = await session(40, 31, 2);
  const young = await session(29, 28);
  // More than one chunk, all of one moment.
  await session(...Array.from({ length: 2_500 }, () => 33));
  let forgotten = 0;
  const options = { days: 30, logger: silentLogger(), onForgotten: (rows: number) => (forgotten += rows) };
  await forgetOld(sql, options);
  expect(await left()).toEqual({ [goesOn]: 3, [young]: 2 });
  expect(forgotten).toBe(2_503);
  await forgetOld(sql, options);
  expect(forgotten).toBe(2_503);
}, 60_000);

test('beside the stream it begins at once, and ends when it is stopped', async () => {
  await session(90);
  const stays = await session(1);
  const forgotten = new Promise<number>((resolve) => {
    const retention = startBehaviourRetention({
      ...{ databaseUrl: database.url, days: 60, logger: silentLogger() },
      onForgotten: (rows) => {
        void retention.stop().then(() => resolve(rows));
      },
    });
  });
  expect(await forgotten).toBe(1);
  expect(await left()).toHaveProperty(stays, 1);
}, 60_000);
