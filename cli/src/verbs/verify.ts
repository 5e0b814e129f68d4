import { loadConfig } from '@millrace/kernel/config';
import { PlatformError } from '@millrace/kernel/errors';
import { cliSettings } from '../config/index.ts';
import type { Verb } from '../main.ts';
import { EXIT, table } from '../output.ts';
import { openStoreViews, verifyView } from '../verify/index.ts';
import type { ViewReport } from '../verify/index.ts';

export const verifyVerb: Verb = {
  name: 'verify',
  summary: 'compare views with Postgres at one pinned position, row by row; exit 3 when any differ',
  define(command) {
    command.argument('[view]', 'catalog, inventory, pricing or orders; all of them by default');
    command.option('--wait <ms>', 'how long a view may take to reach the pinned position', '60000');
    command.option('--listed <n>', 'most differences listed for each view', '100');
  },
  async run(options, view, out) {
    const config = loadConfig(cliSettings);
    const stores = await openStoreViews(config);
    try {
      const wanted = stores.views.filter((candidate) => view === undefined || candidate.view === view);
      if (wanted.length === 0) {
        const known = [...new Set(stores.views.map((candidate) => candidate.view))].join(', ');
        throw new PlatformError('config-invalid', `no view ${view ?? ''}: there are ${known}`);
      }
      const reports: ViewReport[] = [];
      for (const candidate of wanted) {
        reports.push(
          await verifyView(candidate, {
            databaseUrl: config.databaseUrl,
            waitMs: Number(options['wait']),
            listed: Number(options['listed']),
          }),
        );
      }
      out.result({ views: reports }, ({ views }) => text(views));
      return reports.some((report) => report.missing + report.extra + report.different > 0)
        ? EXIT.difference
        : EXIT.done;
    } finally {
      await stores.close();
    }
  },
};

function text(reports: readonly ViewReport[]): string {
  const heading = ['view', 'store', 'checked', 'missing', 'extra', 'different', 'unsettled', 'position'];
  const rows = reports.map((r) => [
    r.view,
    r.store,
    r.checked,
    r.missing,
    r.extra,
    r.different,
    r.unsettled,
    r.position,
  ]);
  const details = reports.flatMap((report) =>
    report.differences.map((difference) => {
      const fields = difference.fields
        .map(
          ({ field, expected, actual }) =>
            `${field}: Postgres ${JSON.stringify(expected)}, view ${JSON.stringify(actual)}`,
        )
        .join('; ');
      return `${report.view} in ${report.store}: ${difference.kind} ${difference.key}${fields === '' ? '' : ` (${fields})`}`;
    }),
  );
  return [table([heading, ...rows]), ...details].join('\n');
}
