import { randomBytes } from 'node:crypto';
import { loadConfig } from '@millrace/kernel/config';
import { PlatformError } from '@millrace/kernel/errors';
import { typesCampaign } from '../chaos/index.ts';
import type { TypesReport } from '../chaos/index.ts';
import { cliSettings } from '../config/index.ts';
import type { Verb } from '../main.ts';
import { EXIT } from '../output.ts';

export const chaosVerb: Verb = {
  name: 'chaos',
  summary: 'fault campaigns on a database and topics of their own: types; exit 3 when something is wrong',
  define(command) {
    command.argument('<campaign>', 'types');
    command.option('--seed <s>', 'what the campaign draws from: the same seed does the same again');
    command.option('--seconds <n>', 'types: how long to go on with generated values', '60');
  },
  async run(options, campaign, out) {
    const { databaseUrl, kafkaBrokers, schemaRegistryUrl } = loadConfig(cliSettings);
    const engines = { databaseUrl, kafkaBrokers, schemaRegistryUrl };
    const seed = typeof options['seed'] === 'string' ? options['seed'] : randomBytes(4).toString('hex');
    const note = (text: string): void => out.note(text);
    switch (campaign) {
      case 'types': {
        const report = await typesCampaign({ engines, seed, seconds: Number(options['seconds']), note });
        out.result(report, typesText);
        return report.passed ? EXIT.done : EXIT.difference;
      }
      default:
        throw new PlatformError('config-invalid', `no campaign ${campaign ?? ''}: there is types`);
    }
  },
};

function typesText(report: TypesReport): string {
  const { types, values, snapshotRows, streamRows, leftOut, differences, seed } = report;
  const lines = differences.map(
    ({ type, from, postgres, kafka }) =>
      `${type} from the ${from}: Postgres prints ${JSON.stringify(postgres)}, read back ${JSON.stringify(kafka)}`,
  );
  return [
    `${types} types, ${values} values in ${snapshotRows} snapshot and ${streamRows} stream rows: ${differences.length} differences (seed ${seed})`,
    ...(leftOut.length > 0 ? [`left out, this server being built without: ${leftOut.join(', ')}`] : []),
    ...lines,
  ].join('\n');
}
