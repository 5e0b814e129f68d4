import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { loadConfig } from '@millrace/kernel/config';
import { PlatformError } from '@millrace/kernel/errors';
import { sleep } from '@millrace/kernel/retry';
import { builtProgram } from '../built-program.ts';
import { cliSettings } from '../config/index.ts';
import type { Verb } from '../main.ts';
import { EXIT, table } from '../output.ts';
import { restoringTasks, watchTasks } from '../processors/status.ts';
import type { RestoringTask, StandbyTask, WatchedTask } from '../processors/status.ts';

const APART_MS = 1_000;

export const processorsVerb: Verb = {
  name: 'processors',
  summary:
    'every task: position, lag, rate, what holds it back, state, restores in progress, standbys; `processors topology [name]` draws them from the code',
  define(command) {
    command.argument('[what]', 'topology: a Mermaid drawing; left out: the running tasks');
    command.argument('[processor]', 'topology: this one alone, with its operators where it has any');
  },
  async run(_options, what, out, [, processor]) {
    if (what === 'topology') {
      out.result({ mermaid: await drawing(processor) }, ({ mermaid }) => mermaid);
      return EXIT.done;
    }
    if (what !== undefined) throw new PlatformError('config-invalid', `processors has no ${what}: there is topology`);
    const { processorsUrls } = loadConfig(cliSettings);
    const tasks = await watchTasks(processorsUrls, APART_MS, sleep);
    const { restoring, standbys } = await restoringTasks(processorsUrls);
    out.result({ tasks, restoring, standbys }, () =>
      [tasksText(tasks), ...restoring.map(restoringText), ...standbys.map(standbyText)].join('\n'),
    );
    return EXIT.done;
  },
};

function tasksText(tasks: readonly WatchedTask[]): string {
  const rows = tasks.map((task) => [
    task.processor,
    task.partition,
    task.position,
    task.lagMs === null ? null : (task.lagMs / 1000).toFixed(1),
    task.recordsPerSecond,
    task.inputs.reduce((sum, { waiting }) => sum + waiting, 0),
    task.heldBackBy,
    task.spilledValues > 0 ? `${task.stateKeys} (${task.spilledValues} on disk)` : task.stateKeys,
    task.parked.length,
  ]);
  const heading = [
    'processor',
    'partition',
    'position',
    'lag s',
    'records/s',
    'waiting',
    'held back by',
    'state',
    'parked',
  ];
  const parked = tasks.flatMap(({ processor, parked: list }) =>
    list.map(({ topic, aggregate, error }) => `parked: ${processor} ${aggregate} of ${topic}: ${error}`),
  );
  return [table([heading, ...rows]), ...parked].join('\n');
}

function restoringText(one: RestoringTask): string {
  const { task, fromSnapshot, fromStandby, records, recordsPerSecond, done, leftMs } = one;
  const left = leftMs === null ? 'not known how long' : `${(leftMs / 1000).toFixed(0)} s left`;
  let from = 'its whole changelog';
  if (fromStandby !== null) from = `a standby of ${fromStandby} values and the changelog after it`;
  else if (fromSnapshot !== null) from = `a snapshot of ${fromSnapshot} values and the changelog after it`;
  return `restoring: ${task} from ${from}: ${Math.floor(done * 100)} %, ${records} records, ${recordsPerSecond} records/s, ${left}`;
}

function standbyText({ task, at, behind, warm, stateKeys }: StandbyTask & { readonly at: string }): string {
  const far = behind === null ? 'it is not known how far behind' : `${behind} records behind`;
  return `standby: ${task} at ${at}: ${warm ? 'warm' : 'still reading'}, ${far}, ${stateKeys} keys`;
}

/** The deployables meet through topics alone, so the drawing is the stream processors' own program's. */
async function drawing(processor: string | undefined): Promise<string> {
  const path = builtProgram('stream-processors', 'topology/print.js');
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin', ...(processor === undefined ? {} : { PROCESSOR: processor }) };
  try {
    return (await promisify(execFile)(process.execPath, [path], { env })).stdout.trim();
  } catch (error) {
    const { code, stderr = '' } = error as { code?: unknown; stderr?: string };
    throw code === EXIT.usage ? new PlatformError('config-invalid', `${stderr.trim()}.`) : error;
  }
}
