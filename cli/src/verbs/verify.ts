import { randomBytes } from 'node:crypto';
import { loadConfig } from '@millrace/kernel/config';
import { PlatformError } from '@millrace/kernel/errors';
import { startHealthServer } from '@millrace/kernel/lifecycle';
import { createMetrics } from '@millrace/kernel/telemetry';
import { cliSettings } from '../config/index.ts';
import type { Verb } from '../main.ts';
import { EXIT, table } from '../output.ts';
import type { ExitCode, Output } from '../output.ts';
import { CaptureClient } from '../capture/index.ts';
import type { Resnapshot } from '../capture/index.ts';
import { SinksClient, repeatAggregates } from '../replay/index.ts';
import {
  DriftMetrics,
  MOST_REPAIRED,
  openStoreViews,
  repair,
  repairScopes,
  verifyView,
  verifyViews,
  watchViews,
  wrongSales,
} from '../verify/index.ts';
import type { Sample, StoreView, VerifyOptions, ViewReport, WatchPass } from '../verify/index.ts';

export const verifyVerb: Verb = {
  name: 'verify',
  summary: 'compare views with Postgres at one pinned position, row by row; exit 3 when any differ',
  define(command) {
    command.argument('[view]', 'catalog, inventory, pricing or orders; all of them by default');
    command.option('--sample <fraction>', 'compare only this part of the documents, above 0 and at most 1');
    command.option('--seed <text>', 'which documents the sample holds; by default others each time');
    command.option('--watch', 'go on with a new sample for each pass (0.1 by default) until a difference lasts or ^C');
    command.option('--every <seconds>', 'with --watch: from the end of a pass to the next', '10');
    command.option('--metrics-port <port>', 'with --watch: serve drift at /metrics here');
    command.option('--wait <ms>', 'how long a view may take to reach the pinned position', '60000');
    command.option('--listed <n>', 'most differences listed for each view', '100');
    command.option(
      '--repair',
      'have the capture read what differs from the tables again, sales from their log, then compare once more',
    );
  },
  async run(options, view, out) {
    const watches = options['watch'] === true;
    if (watches && options['repair'] === true) {
      throw new PlatformError('config-invalid', '--watch repairs nothing: run verify --repair when it has ended');
    }
    const sample = sampleOf(options, watches);
    const config = loadConfig(cliSettings);
    const stores = await openStoreViews(config);
    try {
      const wanted = stores.views.filter((candidate) => view === undefined || candidate.view === view);
      if (wanted.length === 0) {
        const known = [...new Set(stores.views.map((candidate) => candidate.view))].join(', ');
        throw new PlatformError('config-invalid', `no view ${view ?? ''}: there are ${known}`);
      }
      const settings: VerifyOptions = {
        databaseUrl: config.databaseUrl,
        slotName: config.slotName,
        waitMs: numberOf(options, 'wait', 0),
        listed: numberOf(options, 'listed', 0),
      };
      if (watches && sample !== undefined) {
        const port = options['metricsPort'] === undefined ? null : numberOf(options, 'metricsPort', 0);
        return await watch(wanted, settings, { sample, everyMs: numberOf(options, 'every', 0) * 1000, port }, out);
      }
      const repairers = {
        capture: new CaptureClient(config.producersUrl),
        sinks: new SinksClient(config.sinksUrl),
      };
      return await once(wanted, { ...settings, sample }, options['repair'] === true ? repairers : null, out);
    } finally {
      await stores.close();
    }
  },
};

/** Where a repair is asked for. */
interface Repairers {
  readonly capture: CaptureClient;
  readonly sinks: SinksClient;
}

/** One comparison; with repairers, then a repair of what differs and another comparison of that. */
async function once(
  wanted: readonly StoreView[],
  settings: VerifyOptions,
  repairers: Repairers | null,
  out: Output,
): Promise<ExitCode> {
  const { sample, listed = 0 } = settings;
  let reports = await verifyViews(wanted, repairers === null ? settings : { ...settings, listed: MOST_REPAIRED });
  let repaired: readonly Resnapshot[] | null = null;
  if (repairers !== null) {
    if (reports.some(differs)) out.note(text(shown(reports, listed)));
    repaired = await repairAll(repairers, reports, (line) => out.note(line));
    const differing = new Set(reports.filter(differs).map(({ view }) => view));
    const again = await verifyViews(
      wanted.filter(({ view }) => differing.has(view)),
      settings,
    );
    reports = reports.map((report) => again.find((newer) => isSame(newer, report)) ?? report);
  }
  const result = {
    views: shown(reports, listed),
    ...(sample === undefined ? {} : { sample }),
    ...(repaired === null ? {} : { repaired }),
    took: took(),
  };
  out.result(result, ({ views }) => text(views) + (sample === undefined ? '' : `\n${sampleText(sample)}`));
  return reports.some(differs) ? EXIT.difference : EXIT.done;
}

/** What this process has cost. */
function took(): { seconds: number; cpuSeconds: number; megabytes: number } {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  return {
    seconds: Number(process.uptime().toFixed(1)),
    cpuSeconds: Number(((userCPUTime + systemCPUTime) / 1e6).toFixed(1)),
    megabytes: Math.round(maxRSS / 1000),
  };
}

async function repairAll(
  { capture, sinks }: Repairers,
  reports: readonly ViewReport[],
  note: (line: string) => void,
): Promise<readonly Resnapshot[]> {
  const orders = wrongSales(reports);
  await repeatAggregates(sinks, 'sales', orders);
  if (orders.length > 0) note(`Gave the stores the sales of ${orders.length} orders again.`);
  return repair(capture, repairScopes(reports), note);
}

function shown(reports: readonly ViewReport[], listed: number): ViewReport[] {
  return reports.map((report) => ({ ...report, differences: report.differences.slice(0, listed) }));
}

/** Under `--json` a line for each pass. */
async function watch(
  wanted: readonly StoreView[],
  settings: VerifyOptions,
  { sample, everyMs, port }: { sample: Sample; everyMs: number; port: number | null },
  out: Output,
): Promise<ExitCode> {
  const stop = new AbortController();
  const asked = (): void => stop.abort(new Error('stopped by a signal'));
  process.once('SIGINT', asked).once('SIGTERM', asked);
  const registry = createMetrics('verify');
  const metrics = new DriftMetrics(registry);
  const server =
    port === null ? null : await startHealthServer('127.0.0.1', port, registry, { ready: () => ({ ready: true }) });
  const { signal } = stop;
  try {
    const watched = wanted.map((view) => ({
      view: view.view,
      store: view.store,
      sampled: (pass: number) =>
        verifyView(view, { ...settings, signal, sample: { ...sample, seed: `${sample.seed}/${pass}` } }),
      again: (only: readonly string[]) => verifyView(view, { ...settings, signal, only }),
    }));
    out.note(`Watching ${watched.length} views in their stores. ${sampleText(sample)} ^C ends it.`);
    const ended = await watchViews(watched, {
      everyMs,
      signal,
      onPass: (pass) => {
        metrics.take(pass);
        out.result(pass, passText);
      },
    });
    return ended === 'different' ? EXIT.difference : EXIT.done;
  } finally {
    process.off('SIGINT', asked).off('SIGTERM', asked);
    await server?.close();
  }
}

function sampleOf(options: Readonly<Record<string, unknown>>, watches: boolean): Sample | undefined {
  if (options['sample'] === undefined && !watches) return undefined;
  const fraction = Number(options['sample'] ?? 0.1);
  if (!(fraction > 0 && fraction <= 1)) {
    throw new PlatformError('config-invalid', '--sample must be a fraction above 0 and at most 1');
  }
  const { seed } = options;
  return { fraction, seed: typeof seed === 'string' ? seed : randomBytes(4).toString('hex') };
}

function numberOf(options: Readonly<Record<string, unknown>>, name: string, least: number): number {
  const value = Number(options[name]);
  if (Number.isFinite(value) && value >= least) return value;
  const option = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new PlatformError('config-invalid', `--${option} must be a number of at least ${least}`);
}

function sampleText({ fraction, seed }: Sample): string {
  return `A sample of ${fraction} of the documents, seed ${seed}.`;
}

function passText({ pass, reports, lasting, late }: WatchPass): string {
  const checked = reports.reduce((sum, report) => sum + report.checked, 0);
  const wrong = reports.filter(differs);
  const lines = [
    `pass ${pass}: ${checked} documents compared, ${wrong.length === 0 ? 'none differs' : 'some differ:'}`,
  ];
  if (wrong.length > 0) lines.push(text(wrong));
  for (const { view, store } of late) lines.push(`${view} in ${store} is late and was not compared: millrace lag`);
  if (lasting.length > 0) lines.push('Still different after the pass before:', text(lasting));
  return lines.join('\n');
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
