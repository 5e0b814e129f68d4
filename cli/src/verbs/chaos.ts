import { randomBytes, randomInt } from 'node:crypto';
import { join } from 'node:path';
import { defaultHome } from '@millrace/infra-local/supervisor';
import { environment, loadConfig } from '@millrace/kernel/config';
import { PlatformError } from '@millrace/kernel/errors';
import {
  captureCampaign,
  processingCampaign,
  processorsCampaign,
  stallCampaign,
  startOwnEngines,
  typesCampaign,
  viewsCampaign,
} from '../chaos/index.ts';
import type { CaptureChaosOptions, CaptureChaosReport, OwnEngines } from '../chaos/index.ts';
import { cliSettings } from '../config/index.ts';
import type { Verb } from '../main.ts';
import { EXIT } from '../output.ts';
import { captureText, processingText, roadText, stallText, typesText } from './chaos-texts.ts';
import { wholeNumber } from './options.ts';

/** Apart from the other campaigns' engines: it takes long, and they may go on beside it. */
const STALL_PORT = 31_800;

export const chaosVerb: Verb = {
  name: 'chaos',
  summary:
    'fault campaigns on engines or names of their own, or on no engine at all: capture, stall, types, processing, processors, views; exit 3 when something is wrong',
  define(command) {
    command.argument(
      '<campaign>',
      'capture, stall, types, processing (simulated), processors or views (real processes)',
    );
    command.option(
      '--seed <s>',
      'what the campaign draws from: the same seed has the same schedule again; processing: the first, a number',
    );
    command.option('--kills <n>', 'capture, processors, views: how many to kill', '20');
    command.option('--tps <n>', 'processors, views: changes a second of the shop', '10');
    command.option(
      '--engines <which>',
      'capture: own (started for it on ports 31xxx, killed too) or running (left alone)',
      'own',
    );
    command.option('--brokers <n>', 'capture: brokers of its own Kafka, 1 or 3', '1');
    command.option('--how <stall>', 'stall: hold (paused by the operator) or kafka (stands still)', 'kafka');
    command.option('--minutes <n>', 'stall: how long nothing is taken', '10');
    command.option('--outage <seconds>', 'capture: the longest time that all its brokers are down', '20');
    command.option('--seeds <n>', 'processing: how many seeds, one after the other', '10000');
    command.option('--snapshots', 'processing: tasks keep snapshots, on disks that are damaged or left behind', false);
    command.option('--standbys', 'processing: processes keep standbys of tasks that others run', false);
    command.option('--redrives', 'processing: rows that the first releases cannot bear, redriven after the fix', false);
    command.option('--seconds <n>', 'types: how long to go on with generated values', '60');
    command.option('--binary', 'types: those whose binary form is proven, so that rows come in it', false);
  },
  async run(options, campaign, out) {
    const note = (text: string): void => out.note(text);
    const seed = typeof options['seed'] === 'string' ? options['seed'] : randomBytes(4).toString('hex');
    switch (campaign) {
      case 'types': {
        const engines = loadConfig(cliSettings);
        const seconds = wholeNumber(options['seconds'], '--seconds');
        const report = await typesCampaign({ engines, seed, binary: options['binary'] === true, seconds, note });
        out.result(report, typesText);
        return report.passed ? EXIT.done : EXIT.difference;
      }
      case 'capture': {
        const own = options['engines'] === 'own';
        if (!own && options['engines'] !== 'running') {
          throw new PlatformError('config-invalid', '--engines must be own or running');
        }
        const kills = wholeNumber(options['kills'], '--kills');
        const outageMs = 1_000 * wholeNumber(options['outage'], '--outage');
        const brokers = wholeNumber(options['brokers'], '--brokers');
        const report = await captureChaos(own ? brokers : null, { seed, kills, outageMs, note });
        out.result(report, captureText);
        return report.passed ? EXIT.done : EXIT.difference;
      }
      case 'stall': {
        const how = options['how'];
        if (how !== 'hold' && how !== 'kafka') throw new PlatformError('config-invalid', '--how must be hold or kafka');
        const forMs = 60_000 * wholeNumber(options['minutes'], '--minutes');
        const report = await withOwnEngines('chaos-stall', 1, STALL_PORT, (own) =>
          stallCampaign({ own, seed, how, forMs, note }),
        );
        out.result(report, stallText);
        return report.passed ? EXIT.done : EXIT.difference;
      }
      case 'processing': {
        const first = options['seed'] === undefined ? randomInt(1_000_000_000) : Number(options['seed']);
        if (!Number.isSafeInteger(first))
          throw new PlatformError('config-invalid', '--seed must be a whole number here');
        const seeds = wholeNumber(options['seeds'], '--seeds');
        const snapshots = options['snapshots'] === true;
        const standbys = options['standbys'] === true;
        const redrives = options['redrives'] === true;
        const report = await processingCampaign({ seed: first, seeds, snapshots, standbys, redrives, note });
        out.result(report, processingText);
        return report.passed ? EXIT.done : EXIT.difference;
      }
      case 'processors':
      case 'views': {
        const kills = wholeNumber(options['kills'], '--kills');
        const tps = wholeNumber(options['tps'], '--tps');
        note(`seed ${seed}`);
        const run = campaign === 'views' ? viewsCampaign : processorsCampaign;
        const report = await run({ seed, kills, tps, note });
        out.result(report, roadText);
        return report.passed ? EXIT.done : EXIT.difference;
      }
      default:
        throw new PlatformError(
          'config-invalid',
          `no campaign ${campaign ?? ''}: there are capture, stall, types, processing, processors and views`,
        );
    }
  },
};

/** @param brokers of its own engines; null for those that run. */
async function captureChaos(
  brokers: number | null,
  options: Omit<CaptureChaosOptions, 'engines' | 'own'>,
): Promise<CaptureChaosReport> {
  options.note(`seed ${options.seed}`);
  if (brokers === null) return captureCampaign({ ...options, engines: loadConfig(cliSettings) });
  // A cluster's data belongs to its number of brokers.
  return withOwnEngines(`chaos-${brokers}`, brokers, undefined, (own) =>
    captureCampaign({ ...options, engines: own, own }),
  );
}

async function withOwnEngines<T>(
  name: string,
  brokers: number,
  firstPort: number | undefined,
  use: (own: OwnEngines) => Promise<T>,
): Promise<T> {
  const own = await startOwnEngines(join(defaultHome(environment()).folder, name), brokers, firstPort);
  try {
    return await use(own);
  } finally {
    await own.stop();
  }
}
