import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { homeOf, type Home } from '../paths/index.ts';
import { defaultRestartPolicy, isAlive, type ProcessSpec } from '../processes/index.ts';
import { startPlatform, type Platform, type PlatformEvent, type PlatformOptions } from './platform.ts';
import { killProcess, restartProcess, statusOf, stopPlatform } from './remote.ts';
import { readState, writeState } from './state-file.ts';

let home: Home;
let running: Platform[];
let events: PlatformEvent[];

beforeEach(() => {
  home = homeOf(mkdtempSync(join(tmpdir(), 'millrace-supervisor-')));
  running = [];
  events = [];
});

afterEach(async () => {
  for (const platform of running) await platform.stop();
  rmSync(home.folder, { recursive: true, force: true });
});

/** A child that marks itself ready with a file named after it, then waits. */
function fake(name: string, more: Partial<ProcessSpec> = {}, script = 'setInterval(() => {}, 1000)'): ProcessSpec {
  const ready = join(home.folder, `${name}.ready`);
  return {
    name,
    title: name,
    kind: 'engine',
    version: '1',
    port: null,
    ports: [],
    command: process.execPath,
    args: ['-e', `require('fs').writeFileSync(${JSON.stringify(ready)}, String(process.pid)); ${script}`],
    cwd: home.folder,
    env: {},
    marker: ready,
    dependsOn: [],
    stopSignal: 'SIGTERM',
    stopTimeoutMs: 300,
    readyTimeoutMs: 20_000,
    restart: { ...defaultRestartPolicy, firstDelayMs: 10 },
    check: (): Promise<void> => {
      if (existsSync(ready) && isAlive(Number(readFileSync(ready, 'utf8')))) return Promise.resolve();
      return Promise.reject(new Error('not yet'));
    },
    ...more,
  };
}

const neverReady = (): Promise<void> => Promise.reject(new Error('not ready'));

async function start(engines: readonly ProcessSpec[], more: Partial<PlatformOptions> = {}): Promise<Platform> {
  const platform = await startPlatform({
    home,
    env: { PATH: '/usr/bin:/bin' },
    engines,
    services: [],
    onProgress: (event) => events.push(event),
    ...more,
  });
  running.push(platform);
  return platform;
}

const pidOf = (platform: Platform, name: string): number => {
  const pid = platform.status().engines.find((engine) => engine.name === name)?.pid;
  if (pid === undefined || pid === null) throw new Error(`${name} has no process`);
  return pid;
};

/** Waits for an event, however long ago it came. */
async function until(wanted: (event: PlatformEvent) => boolean): Promise<void> {
  while (!events.some(wanted)) await new Promise((resolve) => setImmediate(resolve));
}

const notices = (): string[] => events.flatMap((event) => (event.kind === 'notice' ? [event.sentence] : []));

describe('a platform', () => {
  test('starts by dependency, tells its state to others, and leaves nothing behind', async () => {
    const platform = await start([fake('late', { dependsOn: ['early'] }), fake('early')]);
    const readied = events.flatMap((event) =>
      event.kind === 'process' && event.state === 'ready' ? [event.name] : [],
    );
    expect(readied).toEqual(['early', 'late']);
    const status = await statusOf(home);
    expect(status.state).toBe('ready');
    expect(status.engines.map(({ name, state, restarts, version }) => ({ name, state, restarts, version }))).toEqual([
      { name: 'late', state: 'ready', restarts: 0, version: '1' },
      { name: 'early', state: 'ready', restarts: 0, version: '1' },
    ]);
    const pids = [pidOf(platform, 'late'), pidOf(platform, 'early')];
    await stopPlatform(home);
    await platform.stopped;
    expect(pids.filter(isAlive)).toEqual([]);
    expect(await statusOf(home)).toMatchObject({
      state: 'stopped',
      engines: [
        { pid: null, state: 'stopped' },
        { pid: null, state: 'stopped' },
      ],
    });
  });

  test('brings back a process that was killed, and counts it', async () => {
    const platform = await start([fake('one'), fake('other')]);
    const [before, other] = [pidOf(platform, 'one'), pidOf(platform, 'other')];
    events.length = 0;
    await killProcess(home, 'one');
    await until((event) => event.kind === 'process' && event.name === 'one' && event.state === 'ready');
    expect(pidOf(platform, 'one')).not.toBe(before);
    expect(pidOf(platform, 'other')).toBe(other);
    expect(platform.status().engines[0]).toMatchObject({ name: 'one', state: 'ready', restarts: 1 });
    expect(notices()).toEqual([
      'one was killed (signal SIGKILL: by hand, or by the system short of memory). Starting it again in 10 ms.',
    ]);
  });

  test('restarts one process when asked, and knows no others', async () => {
    const platform = await start([fake('one')]);
    const before = pidOf(platform, 'one');
    await restartProcess(home, 'one');
    expect(pidOf(platform, 'one')).not.toBe(before);
    expect(platform.status()).toMatchObject({ state: 'ready', engines: [{ restarts: 1 }] });
    await expect(restartProcess(home, 'two')).rejects.toThrow('There is no process called two: choose one of one.');
  });

  test('kills a process that does not heed the request to stop', async () => {
    const platform = await start([fake('deaf', {}, "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)")]);
    const pid = pidOf(platform, 'deaf');
    await platform.stop();
    expect(isAlive(pid)).toBe(false);
  });

  test('gives up a process that never gets ready, says its last lines, and stops the others', async () => {
    const healthy = fake('healthy');
    const broken = fake('broken', { check: neverReady }, "console.log('the reason why'); process.exit(7)");
    await expect(start([healthy, broken])).rejects.toThrow(
      /broken ended unexpectedly \(exit code 7\).*the reason why.*Gave up after 3 tries/,
    );
    const left = readState(home);
    expect(left?.status.state).toBe('stopped');
    expect(left?.status.engines.map(({ pid }) => pid)).toEqual([null, null]);
  });

  test('says that the disk is full when that is why a process ended', async () => {
    const full = fake(
      'full',
      { check: neverReady },
      "console.log('write failed: No space left on device'); process.exit(1)",
    );
    await expect(start([full])).rejects.toThrow(/^full ended because the disk is full: free some room/);
  });

  test('refuses a port that is taken before it starts the process', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await expect(start([fake('one', { ports: [{ port, variable: 'ONE_URL' }] })])).rejects.toThrow(
      new RegExp(`^one cannot start: port ${port} is in use by .*with ONE_URL\\.$`),
    );
    expect(existsSync(join(home.folder, 'one.ready'))).toBe(false);
    await new Promise((resolve) => server.close(resolve));
  });

  test('what can do only a part of its work is started, told with what it says at each start, and shown as not well', async () => {
    const check = (): Promise<string> => Promise.resolve('a view stands still: rebuild it');
    const platform = await start([fake('one', { check })]);
    await platform.restart('one');
    const told = 'one: a view stands still: rebuild it.';
    expect(notices()).toEqual([told, told]);
    expect(platform.status()).toMatchObject({ state: 'degraded', engines: [{ state: 'unhealthy', restarts: 1 }] });
  });

  test('runs the step between engines and deployables once the engines are ready; its failure stops all', async () => {
    let seen = '';
    const step = (): Promise<void> => {
      seen = readState(home)?.status.engines[0]?.state ?? '';
      return Promise.reject(new Error('migration 3 failed'));
    };
    await expect(start([fake('one')], { beforeServices: step })).rejects.toThrow('migration 3 failed');
    expect(seen).toBe('ready');
    expect((await statusOf(home)).state).toBe('stopped');
  });

  test('a stop while it starts ends the start, and nothing starts after it', async () => {
    const late = fake('late', { dependsOn: ['slow'] });
    const starting = start([fake('slow', { check: neverReady }), late]);
    await until((event) => event.kind === 'process' && event.name === 'slow' && event.pid !== null);
    await stopPlatform(home);
    await expect(starting).rejects.toThrow('stopped');
    expect(existsSync(join(home.folder, 'late.ready'))).toBe(false);
    expect((await statusOf(home)).state).toBe('stopped');
  });

  test('an aborted signal ends the start too', async () => {
    const stopping = new AbortController();
    const starting = start([fake('slow', { check: neverReady })], { signal: stopping.signal });
    await until((event) => event.kind === 'process' && event.name === 'slow' && event.pid !== null);
    stopping.abort();
    await expect(starting).rejects.toThrow('stopped');
    await expect(start([fake('one')], { signal: AbortSignal.abort() })).rejects.toThrow('stopped');
    expect(existsSync(join(home.folder, 'one.ready'))).toBe(false);
  });

  test('a home has one supervisor at a time', async () => {
    await start([fake('one')]);
    await expect(start([fake('one')])).rejects.toThrow(
      `Millrace already runs in ${home.folder} (process ${process.pid})`,
    );
    expect((await statusOf(home)).state).toBe('ready');
  });
});

describe('after a supervisor was killed', () => {
  test('what it left is ended by the next one, and a stranger with the same process id is not touched', async () => {
    const leave = (mark: string): ChildProcess => spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', mark]);
    const [ours, stranger] = [leave('mark-of-ours'), leave('somebody-else')];
    const item = (name: string, child: ChildProcess) =>
      ({ name, pid: child.pid ?? null, port: null, state: 'ready', version: '1', restarts: 0 }) as const;
    writeState(home, {
      supervisorPid: 1,
      status: { state: 'ready', engines: [item('ours', ours), item('stranger', stranger)], services: [] },
      markers: { ours: 'mark-of-ours', stranger: 'mark-of-stranger' },
    });
    const ended = new Promise((resolve) => ours.once('exit', (_, signal) => resolve(signal)));
    await start([fake('new')]);
    expect(await ended).toBe('SIGTERM');
    expect(notices()).toEqual(['Ended ours, left over from an earlier run that was killed.']);
    expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
    stranger.kill('SIGKILL');
  });

  test('a home whose state file says ready is stopped when nobody holds it', async () => {
    const item = { name: 'one', pid: 1, port: 1, state: 'ready', version: '1', restarts: 0 } as const;
    writeState(home, { supervisorPid: 1, status: { state: 'ready', engines: [item], services: [] }, markers: {} });
    expect(await statusOf(home)).toEqual({
      state: 'stopped',
      engines: [{ ...item, pid: null, state: 'stopped' }],
      services: [],
    });
    await expect(stopPlatform(home)).rejects.toThrow('Millrace is not running');
  });
});
