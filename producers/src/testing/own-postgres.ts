import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate } from '@millrace/database/migrate';
import { planEngines } from '@millrace/infra-local/engines';
import { homeOf } from '@millrace/infra-local/paths';
import { startPlatform } from '@millrace/infra-local/supervisor';
import type { Platform } from '@millrace/infra-local/supervisor';
import { environment } from '@millrace/kernel/config';
import pg from 'pg';

/** A Postgres of a test's own, migrated, whose settings it may change and which it may restart and kill. */
export interface OwnPostgres {
  readonly url: string;
  readonly platform: Platform;
  /** `alter system set`, in force after a reload. */
  configure(name: string, value: string): Promise<void>;
  stop(): Promise<void>;
}

/** @param port of this machine, free, and below those that outgoing connections are given. */
export async function startOwnPostgres(port: number): Promise<OwnPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-postgres-'));
  const url = `postgres://millrace:millrace@127.0.0.1:${port}/millrace`;
  const { PATH, HOME } = environment();
  const env = { PATH, HOME, DATABASE_URL: url };
  const home = homeOf(folder);
  const { specs } = await planEngines(home, env, true);
  const platform = await startPlatform({
    home,
    env,
    engines: specs.filter(({ name }) => name === 'postgres'),
    services: [],
  });
  await migrate(url);
  return {
    url,
    platform,
    async configure(name, value) {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      try {
        await client.query(`alter system set ${pg.escapeIdentifier(name)} = ${pg.escapeLiteral(value)}`);
        await client.query('select pg_reload_conf()');
      } finally {
        await client.end();
      }
    },
    async stop() {
      await platform.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
