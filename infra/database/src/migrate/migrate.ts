import type { Client } from 'pg';
import { PlatformError } from '@millrace/kernel/errors';
import { withConnection } from '../connection/index.ts';
import { readMigrations } from './migration-files.ts';
import type { Migration } from './migration-files.ts';
import { pendingMigrations } from './plan.ts';
import type { AppliedMigration } from './plan.ts';

export interface MigrateResult {
  /** Names of the migrations this call ran, in order; empty where the database was up to date. */
  readonly applied: readonly string[];
}

/** Any fixed number: the advisory lock that makes migrating programs take turns in one database. */
const migrationLock = 4_711_200_318;

/**
 * Brings the database's schema up to date. Each migration runs in a transaction of its own, together with the note that it
 * ran: a crash leaves whole migrations only, and the next call goes on. May be called by any number of programs at once, and
 * again at any time: they take turns, and the later ones find nothing to do.
 *
 * Throws `engine-unreachable` where the database does not answer, `config-invalid` where files and database contradict each
 * other, `internal` with the file's name where a statement fails.
 */
export async function migrate(databaseUrl: string, files?: readonly Migration[]): Promise<MigrateResult> {
  const migrations = files ?? (await readMigrations());
  return withConnection({ connectionString: databaseUrl, application_name: 'millrace-migrate' }, async (client) => {
    // Released with the connection.
    await client.query('select pg_advisory_lock($1)', [migrationLock]);
    await prepareLedger(client);
    const ledger = await client.query<AppliedMigration>('select name, checksum from millrace.migrations');
    const pending = pendingMigrations(migrations, ledger.rows);
    for (const migration of pending) await run(client, migration);
    return { applied: pending.map((migration) => migration.name) };
  });
}

async function prepareLedger(client: Client): Promise<void> {
  await client.query(`
    create schema if not exists millrace;
    create table if not exists millrace.migrations (
      name       text primary key,
      checksum   text not null,
      applied_at timestamptz not null default now()
    )`);
}

async function run(client: Client, migration: Migration): Promise<void> {
  try {
    await client.query('begin');
    await client.query(migration.sql);
    await client.query('insert into millrace.migrations (name, checksum) values ($1, $2)', [
      migration.name,
      migration.checksum,
    ]);
    await client.query('commit');
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new PlatformError('internal', `migration ${migration.name} failed: ${said}`, { cause: error });
  }
}
