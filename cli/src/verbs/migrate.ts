import { migrate } from '@millrace/database/migrate';
import { loadConfig } from '@millrace/kernel/config';
import { cliSettings } from '../config/index.ts';
import type { Verb } from '../main.ts';
import { EXIT } from '../output.ts';

export const migrateVerb: Verb = {
  name: 'migrate',
  summary: 'bring the database to the newest version of its schema',
  define: () => undefined,
  async run(_options, _argument, out) {
    const { applied } = await migrate(loadConfig(cliSettings).databaseUrl);
    out.result({ applied }, () => (applied.length === 0 ? 'Nothing to do.' : `Applied ${applied.join(', ')}.`));
    return EXIT.done;
  },
};
