import { fileURLToPath } from 'node:url';
import {
  defaultHome,
  progressLine,
  startDetached,
  startPlatform,
  statusOf,
  stopPlatform,
} from '@millrace/infra-local/supervisor';
import type { DownloadProgress, Platform, PlatformEvent, PlatformStatus } from '@millrace/infra-local/supervisor';
import { environment, loadConfig } from '@millrace/kernel/config';
import { nodeArguments } from '@millrace/kernel/lifecycle';
import { cliSettings } from '../config/index.ts';
import { liveLine } from '../live/live-line.ts';
import type { Verb } from '../main.ts';
import { EXIT, table } from '../output.ts';
import type { Output } from '../output.ts';
import { playShop } from '../live/play-shop.ts';
import { prepare } from '../prepare/index.ts';
import { numberAboveZero } from './options.ts';

const FIRST_START_MS = 30 * 60_000;

/** The demo shop, and the commits a second of its traffic. */
interface Demo {
  readonly shown: boolean;
  readonly tps: number;
}

export const upVerb: Verb = {
  name: 'up',
  summary: 'start the engines and every deployable, with the demo shop and gentle traffic; Ctrl-C stops all of it',
  define(command) {
    command.option('--detach', 'run in the background; `millrace down` stops it');
    command.option('--no-demo', 'load no demo shop and drive no traffic');
    command.option('--tps <n>', 'commits a second of the demo traffic', '5');
  },
  async run(options, _argument, out) {
    const demo = { tps: numberAboveZero(options['tps'], '--tps'), shown: options['demo'] !== false };
    return options['detach'] === true ? upDetached(demo, out) : upHere(demo, out);
  },
};

async function upHere(demo: Demo, out: Output) {
  const config = loadConfig(cliSettings);
  const stopping = new AbortController();
  let platform: Platform | undefined;
  let stopped: Promise<void> | undefined;
  const stop = (): void => {
    if (stopping.signal.aborted) return;
    stopping.abort(new Error('stopped by a signal'));
    out.note('\nStopping …');
    stopped = platform?.stop();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  const env = environment();
  const home = defaultHome(env);
  const began = Date.now();
  try {
    platform = await startPlatform({
      home,
      env,
      signal: stopping.signal,
      beforeServices: async () => {
        const { applied, topics } = await prepare(config);
        if (applied.length > 0) out.note(`Database: applied ${applied.length} migrations.`);
        if (topics.length > 0) out.note(`Kafka: created ${topics.length} topics.`);
      },
      onProgress: (event) => describe(event, out),
    });
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
    await stopped;
    return EXIT.done;
  }
  out.result({ ...platform.status(), readyMs: Date.now() - began }, () => addresses(config, Date.now() - began));
  const work = [liveLine(config, stopping.signal, out)];
  if (demo.shown) work.push(playShop(config, demo.tps, stopping.signal, out));
  const failed = await Promise.race([
    Promise.all(work).then(() => undefined, asError),
    platform.stopped.then(() => undefined),
  ]);
  stopping.abort(new Error('the platform has stopped'));
  await Promise.allSettled(work);
  await platform.stop();
  await stopped;
  if (failed !== undefined) throw failed;
  out.note('Stopped.');
  return EXIT.done;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

async function upDetached(demo: Demo, out: Output) {
  const env = environment();
  const main = fileURLToPath(new URL('../main.js', import.meta.url));
  const args = [...nodeArguments('cli'), main, 'up', '--tps', String(demo.tps)];
  if (!demo.shown) args.push('--no-demo');
  const status = await startDetached({
    home: defaultHome(env),
    env,
    command: process.execPath,
    args,
    timeoutMs: FIRST_START_MS,
  });
  out.result(status, () => `${addresses(loadConfig(cliSettings))}\nIn the background; \`millrace down\` stops it.`);
  return EXIT.done;
}

export const downVerb: Verb = {
  name: 'down',
  summary: 'stop the platform that runs in this home',
  define: () => undefined,
  async run(_options, _argument, out) {
    const home = defaultHome(environment());
    if ((await statusOf(home)).state === 'stopped') {
      out.result({ state: 'stopped' }, () => 'Nothing runs.');
      return EXIT.done;
    }
    await stopPlatform(home);
    out.result({ state: 'stopped' }, () => 'Stopped.');
    return EXIT.done;
  },
};

export const statusVerb: Verb = {
  name: 'status',
  summary: 'state of every engine and deployable; exit 1 unless all are ready',
  define: () => undefined,
  async run(_options, _argument, out) {
    const status = await statusOf(defaultHome(environment()));
    out.result(status, statusText);
    return status.state === 'ready' ? EXIT.done : EXIT.failed;
  },
};

function statusText(status: PlatformStatus): string {
  const rows = [...status.engines, ...status.services].map((item) => [
    item.name,
    item.state,
    item.pid,
    item.port,
    item.version,
    item.restarts,
  ]);
  return `${status.state}\n${table([['name', 'state', 'pid', 'port', 'version', 'restarts'], ...rows])}`;
}

/** A line a second, and one for each thing fetched. */
const TOLD_EVERY_MS = 1_000;
let toldAt = 0;
function fetching(progress: DownloadProgress, out: Output): void {
  if (progress.state === 'fetching' && Date.now() - toldAt < TOLD_EVERY_MS) return;
  toldAt = Date.now();
  out.note(progressLine(progress));
}

function describe(event: PlatformEvent, out: Output): void {
  if (event.kind === 'download') fetching(event.progress, out);
  else if (event.kind === 'notice') out.note(event.sentence);
  else if (event.state === 'ready' || event.state === 'failed') {
    out.note(`${event.title}: ${event.state}${event.port === null ? '' : ` on 127.0.0.1:${event.port}`}`);
  }
}

function addresses(config: ReturnType<typeof loadConfig<typeof cliSettings>>, readyMs?: number): string {
  const rows = [
    ['Demo shop', `${config.apiUrl}/`],
    ['Operator’s console', `${config.apiUrl}/console`],
    ['API', `${config.apiUrl}/docs`],
    ['Realtime', config.realtimeUrl],
    ['Postgres', config.databaseUrl.replace(/:\/\/[^@]*@/, '://millrace@')],
    ['Kafka', config.kafkaBrokers.join(',')],
    ['Schema registry', config.schemaRegistryUrl],
    ['Search', config.elasticsearchUrl],
    ['Redis', config.redisUrl],
    ['ClickHouse', config.clickhouseUrl],
  ];
  const ready =
    readyMs === undefined ? 'Millrace is ready.' : `Millrace is ready after ${(readyMs / 1000).toFixed(1)} s.`;
  return `\n${ready}\n${table(rows)}\n`;
}
