import { loadConfig } from '@millrace/kernel/config';
import { PlatformError } from '@millrace/kernel/errors';
import { CaptureClient, resnapshotEnded } from '../capture/index.ts';
import type { Resnapshot } from '../capture/index.ts';
import { cliSettings } from '../config/index.ts';
import type { Verb } from '../main.ts';
import { EXIT, table } from '../output.ts';
import type { ExitCode, Output } from '../output.ts';
import { wholeNumber } from './options.ts';

type Options = Readonly<Record<string, unknown>>;
type Action = (client: CaptureClient, options: Options, out: Output) => Promise<ExitCode>;

const text = (options: Options, name: string): string | undefined => {
  const value = options[name];
  return typeof value === 'string' ? value : undefined;
};

const actions: Readonly<Record<string, Action>> = {
  async status(client, _options, out) {
    const status = await client.status();
    const resnapshots = status['state'] === 'streaming' ? await client.resnapshots() : [];
    out.result({ ...status, resnapshots }, () => statusText(status, resnapshots));
    return EXIT.done;
  },
  async pause(client, _options, out) {
    out.result(await client.pause(), () => 'Paused. Postgres keeps the WAL until `millrace capture resume`.');
    return EXIT.done;
  },
  async resume(client, options, out) {
    const name = text(options, 'table');
    out.result(await client.resume(name), () => (name === undefined ? 'Streaming.' : `Going on with ${name}.`));
    return EXIT.done;
  },
  async heal(client, _options, out) {
    out.result(await client.heal(), (answer) => JSON.stringify(answer));
    return EXIT.done;
  },
  async resnapshot(client, options, out) {
    const asked = await client.resnapshot({
      table: text(options, 'table'),
      topic: text(options, 'topic'),
      aggregate: text(options, 'aggregate'),
      from: text(options, 'from'),
      to: text(options, 'to'),
      deletes: options['deletes'] !== false,
      ...(options['rate'] === undefined ? {} : { rowsPerSecond: wholeNumber(options['rate'], '--rate') }),
    });
    if (options['wait'] === false) {
      out.result(asked, ({ id }) => `Noted down as ${id}; \`millrace capture status\` shows how far it is.`);
      return EXIT.done;
    }
    return ended(await resnapshotEnded(client, asked.id, progressNotes(out)), out);
  },
  async cancel(client, options, out) {
    const id = text(options, 'id');
    if (id === undefined) throw new PlatformError('config-invalid', 'say which with --id.');
    out.result(await client.cancelResnapshot(id), () => `Cancelled ${id}.`);
    return EXIT.done;
  },
};

export const captureVerb: Verb = {
  name: 'capture',
  summary: `operate the running capture: ${Object.keys(actions).join(', ')}`,
  define(command) {
    command.argument('<action>', Object.keys(actions).join(', '));
    command.option('--table <schema.table>', 'resnapshot: this table; resume: this parked table');
    command.option('--topic <cdc topic>', 'resnapshot: every table of this topic, say cdc.catalog');
    command.option('--aggregate <id>', 'resnapshot: the rows of this aggregate alone');
    command.option('--from <id>', 'resnapshot: aggregates from this id on');
    command.option('--to <id>', 'resnapshot: aggregates up to this id');
    command.option('--no-deletes', 'resnapshot: leave rows in the log that the tables have no more');
    command.option('--rate <n>', 'resnapshot: most rows a second');
    command.option('--no-wait', 'resnapshot: do not wait until it is done');
    command.option('--id <number>', 'cancel: this re-snapshot');
  },
  async run(options, name, out) {
    const action = actions[name ?? ''];
    if (action === undefined) {
      const known = Object.keys(actions).join(', ');
      throw new PlatformError('config-invalid', `no capture action ${name ?? ''}: there are ${known}.`);
    }
    return action(new CaptureClient(loadConfig(cliSettings).producersUrl), options, out);
  },
};

function ended(state: Resnapshot, out: Output): ExitCode {
  out.result(state, () => resnapshotLine(state));
  return state.state === 'done' ? EXIT.done : EXIT.failed;
}

/** A line a second at most. */
function progressNotes(out: Output): (state: Resnapshot) => void {
  let notedMs = Date.now();
  return (state) => {
    if (Date.now() - notedMs < 1_000) return;
    notedMs = Date.now();
    out.note(resnapshotLine(state));
  };
}

function resnapshotLine(r: Resnapshot): string {
  const at = r.table === null ? '' : `, ${r.phase} of ${r.table} (${r.tablesDone + 1} of ${r.tables})`;
  const eta = r.etaSeconds === null ? '' : `, about ${r.etaSeconds} s to go`;
  const detail = r.detail === null ? '' : `: ${r.detail}`;
  return `Re-snapshot ${r.id} is ${r.state}${at}: ${r.rows} rows, ${r.deleted} deletes${eta}${detail}`;
}

function statusText(status: Record<string, unknown>, resnapshots: readonly Resnapshot[]): string {
  const rows = Object.entries(status).map(([name, value]) => [
    name,
    typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value),
  ]);
  return [table([['what', 'is'], ...rows]), ...resnapshots.map(resnapshotLine)].join('\n');
}
