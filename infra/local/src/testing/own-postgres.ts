import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { postgresSpec } from '../engines/postgres.ts';
import { homeOf } from '../paths/index.ts';
import { OwnEngine } from './own-engine.ts';

export interface OwnPostgresOptions {
  /** Apart from every other test's. */
  readonly port: number;
  readonly settings?: Readonly<Record<string, string>>;
}

/** A Postgres of a test's own, with data in a temporary folder: to be stopped, killed, reconfigured, copied, promoted. */
export class OwnPostgres {
  readonly url: string;
  readonly #folder: string;
  readonly #port: number;
  readonly #engine = new OwnEngine();

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.#port = port;
    this.url = `postgres://millrace:millrace@127.0.0.1:${port}/millrace`;
  }

  static async start({ port, settings }: OwnPostgresOptions): Promise<OwnPostgres> {
    const server = new OwnPostgres(await mkdtemp(join(tmpdir(), 'millrace-postgres-')), port);
    await server.run(settings);
    return server;
  }

  /** A copy of this one, taken while it runs, that follows it; to be promoted. `query` answers one text of this server, always on the same connection. */
  async standby({ port, settings }: OwnPostgresOptions, query: (sql: string) => Promise<string>): Promise<OwnPostgres> {
    const copy = new OwnPostgres(await mkdtemp(join(tmpdir(), 'millrace-postgres-')), port);
    await query(`select pg_backup_start('copy', true)`);
    await cp(join(this.#folder, 'data'), join(copy.#folder, 'data'), {
      recursive: true,
      preserveTimestamps: true,
      filter: (path) => !/postmaster\.(pid|opts)$|pg_replslot\/.|pg_wal\/summaries\/./.test(path),
    });
    const label = await query('select labelfile from pg_backup_stop(true)');
    await writeFile(join(copy.#cluster, 'backup_label'), label);
    await writeFile(join(copy.#cluster, 'standby.signal'), '');
    await copy.run({
      primary_conninfo: `host=127.0.0.1 port=${this.#port} user=millrace password=millrace dbname=millrace`,
      hot_standby_feedback: 'on',
      ...settings,
    });
    return copy;
  }

  /** Starts it and waits until it takes connections. */
  async run(settings: Readonly<Record<string, string>> = {}): Promise<void> {
    const spec = postgresSpec(homeOf(this.#folder), this.url, settings);
    await this.#engine.run(spec, async () => {
      if (spec.user !== undefined) await own(this.#cluster, spec.user);
    });
  }

  /** SIGINT shuts it down at once and in order; SIGKILL does not. */
  stop(signal: 'SIGINT' | 'SIGKILL' = 'SIGINT'): Promise<void> {
    return this.#engine.stop(signal);
  }

  /** Stops it and forgets its data. */
  async remove(): Promise<void> {
    await this.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  get #cluster(): string {
    return join(this.#folder, 'data', 'postgres', 'cluster');
  }
}

/** Copied files belong to us; the server insists that they are its own. */
async function own(cluster: string, { uid, gid }: { uid: number; gid: number }): Promise<void> {
  const child = spawn('chown', ['-R', `${uid}:${gid}`, cluster], { stdio: 'ignore' });
  await once(child, 'exit');
}
