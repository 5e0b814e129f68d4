import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { testEngines } from '@millrace/infra-local/testing';
import { loadConfig, setting, z } from '@millrace/kernel/config';
import { checksumOf, migrate, readMigrations } from '../migrate/index.ts';

export interface TestDatabase {
  readonly url: string;
  readonly name: string;
  /** Ends what is connected to the database, drops its replication slots, then the database itself. May be called again. */
  drop(): Promise<void>;
}

/** Any fixed number: the advisory lock under which the template is made. */
const templateLock = 4_711_200_319;

const settings = {
  serverUrl: setting(
    'TEST_DATABASE_URL',
    z.string().optional(),
    'Postgres server for tests, instead of the shared test engines',
  ),
};

/**
 * A new migrated database of its own for one test file, on the shared test server: a copy of a template that is migrated once
 * per state of the migrations. The caller drops it.
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  const serverUrl = loadConfig(settings).serverUrl ?? testEngines().databaseUrl;
  const template = `millrace_template_${checksumOf(await readMigrations()).slice(0, 16)}`;
  const name = `millrace_test_${randomBytes(8).toString('hex')}`;
  await withServer(serverUrl, async (server) => {
    // One session at a time: CREATE DATABASE refuses a template that another session is using.
    await server.query('select pg_advisory_lock($1)', [templateLock]);
    await makeTemplate(server, serverUrl, template);
    await server.query(`create database ${name} template ${template}`);
  });
  return {
    url: withDatabase(serverUrl, name),
    name,
    drop: () => withServer(serverUrl, (server) => drop(server, name)),
  };
}

async function makeTemplate(server: Client, serverUrl: string, template: string): Promise<void> {
  const found = await server.query('select from pg_database where datname = $1', [template]);
  if (found.rowCount === 1) return;
  // Migrated under another name first: a template under its own name is always whole.
  const draft = `${template}_draft`;
  await drop(server, draft);
  await server.query(`create database ${draft}`);
  await migrate(withDatabase(serverUrl, draft));
  await server.query(`alter database ${draft} rename to ${template}`);
}

async function drop(server: Client, name: string): Promise<void> {
  for (;;) {
    const slots = await server.query<{ slot_name: string; active_pid: number | null }>(
      'select slot_name, active_pid from pg_replication_slots where database = $1',
      [name],
    );
    if (slots.rows.length === 0) break;
    for (const slot of slots.rows) {
      if (slot.active_pid !== null) {
        // Waits, at most this long, until the walsender has let go of the slot.
        await server.query('select pg_terminate_backend($1, 5000)', [slot.active_pid]);
      }
      await server.query(
        'select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1 and not active',
        [slot.slot_name],
      );
    }
  }
  await server.query(`drop database if exists ${name} with (force)`);
}

async function withServer<T>(serverUrl: string, use: (server: Client) => Promise<T>): Promise<T> {
  const server = new Client({ connectionString: serverUrl });
  await server.connect();
  try {
    return await use(server);
  } finally {
    await server.end();
  }
}

function withDatabase(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.toString();
}
