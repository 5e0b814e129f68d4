import { loadConfig } from '@millrace/kernel/config';
import { PlatformError } from '@millrace/kernel/errors';
import { cliSettings } from '../config/index.ts';
import type { Verb } from '../main.ts';
import { EXIT, table } from '../output.ts';
import { CaptureClient } from '../capture/index.ts';
import type { Resnapshot } from '../capture/index.ts';
import { openStoreViews, repair, repairScopes, verifyView } from '../verify/index.ts';
import type { StoreView, VerifyOptions, ViewReport } from '../verify/index.ts';

export const verifyVerb: Verb = {
  name: 'verify',
  summary: 'compare views with Postgres at one pinned position, row by row; exit 3 when any differ',
  define(command) {
    command.argument('[view]', 'catalog, inventory, pricing or orders; all of them by default');
    command.option('--wait <ms>', 'how long a view may take to reach the pinned position', '60000');
    command.option('--listed <n>', 'most differences listed for each view', '100');
    command.option('--repair', 'have the capture read what differs from the tables again, then compare once more');
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
      const compare = (views: readonly StoreView[]): Promise<ViewReport[]> =>
        compared(views, {
          databaseUrl: config.databaseUrl,
          slotName: config.slotName,
          waitMs: Number(options['wait']),
          listed: Number(options['listed']),
        });
      let reports = await compare(wanted);
      let repaired: readonly Resnapshot[] | null = null;
      if (options['repair'] === true) {
        const scopes = repairScopes(reports);
        if (scopes.length > 0) out.note(text(reports));
        repaired = await repair(new CaptureClient(config.producersUrl), scopes, (line) => out.note(line));
        const differing = new Set(reports.filter(differs).map(({ view, store }) => `${view}@${store}`));
        const again = await compare(wanted.filter(({ view, store }) => differing.has(`${view}@${store}`)));
        reports = reports.map((report) => again.find((newer) => isSame(newer, report)) ?? report);
      }
      out.result({ views: reports, ...(repaired === null ? {} : { repaired }) }, ({ views }) => text(views));
      return reports.some(differs) ? EXIT.difference : EXIT.done;
    } finally {
      await stores.close();
    }
  },
};

async function compared(views: readonly StoreView[], options: VerifyOptions): Promise<ViewReport[]> {
  const reports: ViewReport[] = [];
  for (const view of views) reports.push(await verifyView(view, options));
  return reports;
}

function differs({ missing, extra, different }: ViewReport): boolean {
  return missing + extra + different > 0;
}

function isSame(a: ViewReport, b: ViewReport): boolean {
  return a.view === b.view && a.store === b.store;
}

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
