import { chmod, mkdir, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { folderOf, redisDownload } from '../downloads/index.ts';
import type { Home } from '../paths/index.ts';
import { checkSocket, defaultRestartPolicy, Problem, type ProcessSpec } from '../processes/index.ts';
import { hasCode } from '../processes/errno.ts';

/** The name of the server for this platform as the downloaded archive spells it. */
export function serverFileFor(platform: string, arch: string, files: readonly string[]): string | undefined {
  const cpu = arch === 'x64' ? 'amd64' : arch;
  return files.find((file) => file.startsWith('redis-server-') && file.endsWith(`-${platform}-${cpu}`));
}

/** Redis with an append-only file, synced each second: a killed server keeps what it acknowledged up to its last second. */
export function redisSpec(home: Home, port: number): ProcessSpec {
  const base = join(home.data, 'redis');
  const folder = folderOf(home.downloads, redisDownload);
  const cpu = process.arch === 'x64' ? 'amd64' : process.arch;
  const link = join(folder, `redis-server-${process.platform}-${cpu}`);
  const settings = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--dir',
    base,
    '--appendonly',
    'yes',
    '--save',
    '',
    '--daemonize',
    'no',
  ];
  return {
    name: 'redis',
    title: 'Redis',
    kind: 'engine',
    version: redisDownload.version,
    port,
    ports: [{ port, variable: 'REDIS_URL' }],
    command: link,
    args: settings,
    cwd: base,
    env: {},
    // Redis shows only its program and address on its command line; the program is in our folder.
    marker: `:${port}`,
    dependsOn: [],
    stopSignal: 'SIGTERM',
    stopTimeoutMs: 15_000,
    readyTimeoutMs: 60_000,
    restart: defaultRestartPolicy,
    prepare: async () => {
      await mkdir(base, { recursive: true });
      const file = serverFileFor(process.platform, process.arch, await readdir(folder));
      if (file === undefined)
        throw new Problem(
          `There is no Redis for ${process.platform} on ${process.arch}: set REDIS_URL to a Redis of your own.`,
        );
      await linkOnce(join(folder, file), link);
      await chmod(join(folder, file), 0o755);
    },
    check: () => checkSocket(port, Buffer.from('PING\r\n'), (answer) => answer.toString('latin1').startsWith('+PONG')),
  };
}

async function linkOnce(target: string, link: string): Promise<void> {
  await symlink(target, link).catch((error: unknown) => {
    if (!hasCode(error, 'EEXIST')) throw error;
  });
}
