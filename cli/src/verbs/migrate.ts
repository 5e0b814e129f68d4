import { loadConfig } from '@millrace/kernel/config';
import { cliSettings } from '../config/index.ts';
import type { Verb } from '../main.ts';
import { EXIT } from '../output.ts';
import { prepare } from '../prepare/index.ts';

export const migrateVerb: Verb = {
  name: 'migrate',
  summary: 'bring the database, the topics and the schemas of the views to their newest version',
  define: () => undefined,
  async run(_options, _argument, out) {
    const made = await prepare(loadConfig(cliSettings));
    out.result(made, ({ applied, topics }) =>
      applied.length + topics.length === 0
        ? 'Nothing to do.'
        : `Applied ${applied.length} migrations, created ${topics.length} topics.`,
    );
    return EXIT.done;
  },
};
