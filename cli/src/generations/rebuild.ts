import { PlatformError } from '@millrace/kernel/errors';
import { lsnText } from '@millrace/kernel/position';
import { sleep } from '@millrace/kernel/retry';
import { FIRST_LOG, topicOfLog } from '@millrace/schemas/stores';
import type { ViewName } from '@millrace/schemas/stores';
import type { CliConfig } from '../config/index.ts';
import { clickhouseMarks, generationMarks, redisGenerations, searchGeneration, storesHolding } from '../lag/index.ts';
import type { StoreClients } from '../lag/index.ts';
import { generationStoreViews, verifyStores } from '../verify/index.ts';
import type { ViewReport } from '../verify/index.ts';
import { etaSeconds, fillOf } from './fill-progress.ts';
import type { StoreFill } from './fill-progress.ts';
import type { GenerationRow, GenerationRows } from './generation-rows.ts';
import { createLog, readForLog } from './new-log.ts';
import { brokenSinks } from './sinks-status.ts';

export interface RebuildOptions {
  readonly view: ViewName;
  /** views: from the entries that the processors have written; cdc: from entries made anew. */
  readonly from: 'views' | 'cdc';
  /** Entries a second into each store; null for as fast as live freshness allows. */
  readonly rate: number | null;
  /** How long the new generation may stand still, or take to reach a pinned position, ms. */
  readonly waitMs: number;
  readonly note: (text: string) => void;
}

export interface RebuildReport {
  readonly view: ViewName;
  readonly generation: number;
  /** What readers saw before: `millrace rollback` goes back to it. */
  readonly previous: number;
  readonly switched: boolean;
  /** Position past the switch's commit; null where it was not made. */
  readonly position: string | null;
  readonly filledMs: number;
  readonly verifiedMs: number;
  /** From the switch's commit until readers of every store saw it. */
  readonly switchMs: number | null;
  readonly verified: readonly ViewReport[];
}

interface Parts {
  readonly rows: GenerationRows;
  readonly clients: StoreClients;
  readonly config: CliConfig;
}

const LOOK_MS = 250;
const NOTE_MS = 2_000;

/**
 * Fills the next generation of a view beside the live one, compares it with Postgres, and switches every reader by one commit.
 *
 * The sinks do the filling; what this command knows is in `view_generations`, so that one that was killed goes on where it was when it is given
 * again. A generation that differs from Postgres is not switched to and stays for a look: `rebuild --cancel` gives it up.
 * Throws `view-behind` where the filling stands still for `waitMs`, `conflict` where a sink cannot go on or someone else cancelled.
 */
export async function rebuild(parts: Parts, options: RebuildOptions): Promise<RebuildReport> {
  const { rows, clients, config } = parts;
  const { view, from, rate, note } = options;
  const before = await rows.read(view);
  if (before.building !== null) goesOnFrom(before, from);
  const log = from === 'cdc' && before.building === null ? await createLog(config, before) : null;
  const row = log === null && before.building !== null ? before : await rows.begin(view, { rate, log });
  const generation = row.building ?? 0;
  note(
    before.building === null
      ? `Filling generation ${generation} of ${view} ${from === 'cdc' ? 'with entries made anew from cdc.* ' : ''}beside generation ${row.active}, which readers see.`
      : `Going on with generation ${generation} of ${view}.`,
  );
  const startedMs = Date.now();
  await filled(parts, options, row);
  const filledMs = Date.now() - startedMs;
  note(`Filled in ${seconds(filledMs)} s. Comparing it with Postgres.`);
  const inStores = generationStoreViews(clients, config, view, generation);
  const verified = await verifyStores(inStores, { ...config, waitMs: options.waitMs });
  const verifiedMs = Date.now() - startedMs - filledMs;
  const report = { view, generation, previous: row.active, filledMs, verifiedMs, verified };
  if (verified.some(({ missing, extra, different }) => missing + extra + different > 0)) {
    return { ...report, switched: false, position: null, switchMs: null };
  }
  const switchedMs = Date.now();
  const position = await rows.activate(view, generation);
  await readersSee(clients, config, view, generation, options.waitMs);
  return { ...report, switched: true, position: lsnText(position), switchMs: Date.now() - switchedMs };
}

/** Throws `conflict` where what is being filled is filled from elsewhere. */
function goesOnFrom({ view, building, buildingLog, activeLog }: GenerationRow, from: RebuildOptions['from']): void {
  const started = buildingLog === activeLog ? 'views' : 'cdc';
  if (started === from) return;
  throw new PlatformError(
    'conflict',
    `generation ${building ?? ''} of ${view} is being filled from ${started}: go on with \`--from ${started}\`, or give it up with \`millrace rebuild ${view} --cancel\``,
  );
}

/** Resolves when every store holds in the generation all that readers had seen in the active one a moment before. */
async function filled(parts: Parts, options: RebuildOptions, row: GenerationRow): Promise<void> {
  const { rows, clients, config } = parts;
  const { active, activeLog, buildingLog } = row;
  const generation = row.building ?? 0;
  const made = buildingLog === activeLog ? null : config.topicPrefix + topicOfLog(row.view, buildingLog ?? FIRST_LOG);
  const { view, waitMs, note } = options;
  const stores = storesHolding(view);
  const startedMs = Date.now();
  let first: StoreFill[] | null = null;
  let movedMs = startedMs;
  let notedMs = startedMs;
  let doneBefore = -1;
  for (;;) {
    const seen = await generationMarks(clients, config, view, active);
    const fills = fillOf(stores, seen, await generationMarks(clients, config, view, generation));
    if (fills.every(({ isCaughtUp }) => isCaughtUp)) return;
    first ??= fills;
    const now = Date.now();
    const read = made === null ? null : await readForLog(config, made);
    const done = fills.reduce((sum, { records }) => sum + records, read ?? 0);
    if (done !== doneBefore) movedMs = now;
    doneBefore = done;
    const broken = await brokenSinks(config.sinksUrl, generation);
    if (broken !== null)
      throw new PlatformError('conflict', `${broken}; \`millrace rebuild ${view} --cancel\` gives it up`);
    if ((await rows.read(view)).building !== generation) {
      throw new PlatformError('conflict', `generation ${generation} of ${view} was cancelled meanwhile`);
    }
    if (now - movedMs > waitMs) {
      throw new PlatformError(
        'view-behind',
        `generation ${generation} of ${view} has stood still for ${waitMs} ms: do the sinks${made === null ? '' : ' and the stream processors'} run (\`millrace status\`)? It stays as it is; the same command goes on with it`,
      );
    }
    if (now - notedMs >= NOTE_MS) {
      notedMs = now;
      const asMade = read === null ? '' : `the processors have read ${read} records; `;
      note(asMade + progressText(fills, first, now - startedMs));
    }
    await sleep(LOOK_MS);
  }
}

function progressText(fills: readonly StoreFill[], first: readonly StoreFill[], elapsedMs: number): string {
  const parts = fills.map(({ store, records, of }) => {
    const before = first.find((fill) => fill.store === store)?.records ?? 0;
    const rate = Math.round(((records - before) * 1000) / Math.max(1, elapsedMs));
    return `${store} ${records} of ${of} records (${rate}/s)`;
  });
  const eta = etaSeconds(fills, first, elapsedMs);
  return `${parts.join(', ')}${eta === null ? '' : `; about ${eta} s to go`}`;
}

/** Resolves when readers of every store that holds the view see the generation. */
export async function readersSee(
  clients: StoreClients,
  config: CliConfig,
  view: ViewName,
  generation: number,
  waitMs: number,
): Promise<void> {
  const deadline = Date.now() + waitMs;
  for (;;) {
    const seen = await Promise.all(
      storesHolding(view).map(async (store) => {
        if (store === 'redis') return (await redisGenerations(clients, config))(view);
        if (store === 'elasticsearch') return searchGeneration(clients, config);
        return (await clickhouseMarks(clients)).find((mark) => mark.view === view)?.generation;
      }),
    );
    if (seen.every((one) => one === generation)) return;
    if (Date.now() > deadline) {
      throw new PlatformError(
        'view-behind',
        `the switch of ${view} to generation ${generation} is committed, but readers of a store do not see it after ${waitMs} ms: do the sinks run (\`millrace status\`)? They follow it when they do`,
      );
    }
    await sleep(20);
  }
}

const seconds = (ms: number): string => (ms / 1000).toFixed(1);
