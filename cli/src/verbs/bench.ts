import { loadConfig } from '@millrace/kernel/config';
import { PlatformError } from '@millrace/kernel/errors';
import { benches } from '../bench/benches.ts';
import { reportText } from '../bench/report.ts';
import { cliSettings } from '../config/index.ts';
import type { Verb } from '../main.ts';
import { EXIT } from '../output.ts';
import { numberAboveZero, wholeNumber } from './options.ts';

export const benchVerb: Verb = {
  name: 'bench',
  summary: `measure against the bars, in the running platform: ${Object.keys(benches).join(', ')}; exit 3 below a bar`,
  define(command) {
    command.argument('<name>', Object.keys(benches).join(' or '));
    command.option('--seconds <n>', 'length of a timed part');
    command.option('--tps <n>', 'commits a second, where the bench commits');
    command.option('--runs <n>', 'capture, views: runs of each part, of which the median counts (3)');
    command.option(
      '--rows <n>',
      'capture: rows of a run (1000000); processing: records of the backlog (2000000); nexmark: events of a query (500000); views: entries of a backlog',
    );
    command.option('--large <n>', 'capture: rows of the transaction and the snapshot that are about memory (10000000)');
    command.option(
      '--only <parts>',
      'capture: of decode, catch-up, snapshot, latency, large, retained; processing: of runtime, spill, snapshot, backlog, hop; nexmark: queries; views: of redis, clickhouse, elasticsearch, visible, rebuild, verify',
    );
  },
  async run(options, name, out) {
    const bench = benches[name ?? ''];
    if (bench === undefined) {
      throw new PlatformError('config-invalid', `no bench ${name ?? ''}: there are ${Object.keys(benches).join(', ')}`);
    }
    const given = (key: string, read: typeof numberAboveZero) =>
      options[key] === undefined ? undefined : read(options[key], `--${key}`);
    const report = await bench(loadConfig(cliSettings), {
      seconds: given('seconds', numberAboveZero),
      tps: given('tps', numberAboveZero),
      runs: given('runs', wholeNumber),
      rows: given('rows', wholeNumber),
      large: given('large', wholeNumber),
      only: typeof options['only'] === 'string' ? options['only'] : undefined,
      note: (text) => out.note(text),
    });
    out.result(report, reportText);
    return report.bars.every((bar) => bar.pass) ? EXIT.done : EXIT.difference;
  },
};
