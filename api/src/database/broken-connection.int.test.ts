import { expect, test } from '@jest/globals';
import { createTestDatabase } from '@millrace/database/testing';
import { silentLogger } from '@millrace/kernel/telemetry';
import { connectDatabase } from './database.ts';

test('a connection that breaks between two statements of a transaction fails the request, not the process', async () => {
  const place = await createTestDatabase();
  const database = connectDatabase({
    url: place.url,
    poolSize: 2,
    statementTimeoutMs: 5_000,
    slotName: 'none',
    logger: silentLogger(),
  });
  try {
    const broken = database.snapshot(async (sql) => {
      const own = await sql.first<{ pid: number }>('select pg_backend_pid() as pid');
      await database.run('select pg_terminate_backend($1)', [own?.pid]);
      // The server's word comes while no statement of this connection waits for one.
      await database.run('select pg_sleep(0.2)');
      await sql.run('select 1');
    });
    await expect(broken).rejects.toMatchObject({ kind: 'engine-unreachable' });
    await database.run('select 1');
  } finally {
    await database.close();
    await place.drop();
  }
}, 30_000);
