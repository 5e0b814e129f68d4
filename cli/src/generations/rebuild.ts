import { PlatformError } from '@millrace/kernel/errors';
import { lsnText } from '@millrace/kernel/position';
import type { ViewName } from '@millrace/schemas/stores';
import type { CliConfig } from '../config/index.ts';
import type { StoreClients } from '../lag/index.ts';
import { generationStoreViews, verifyStores } from '../verify/index.ts';
import type { ViewReport } from '../verify/index.ts';
import { filled } from './filling.ts';
import type { GenerationRow, GenerationRows } from './generation-rows.ts';
import { createLog } from './new-log.ts';
import { readSource } from './read-source.ts';
import type { SourceRead } from './read-source.ts';
import { readersSee } from './readers-see.ts';

/** views: from the entries that the processors have written; cdc: from entries made anew; source: the same, after the tables were read again. */
export type RebuildFrom = 'views' | 'cdc' | 'source';

export interface RebuildOptions {
  readonly view: ViewName;
  readonly from: RebuildFrom;
  /** Rows a second of the tables, and entries a second into each store; null for as fast as live freshness allows. */
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
  /** What its re-snapshots came to; null where there were none, or a command before this one had begun the filling after them. */
  readonly read: SourceRead | null;
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

/**
 * Fills the next generation of a view beside the live one, compares it with Postgres, and switches every reader by one commit.
 *
 * The capture reads tables and the sinks do the filling; what this command knows is in `view_generations`, so that one that was killed goes on where
 * it was when it is given again. A generation that differs from Postgres is not switched to and stays for a look: `rebuild --cancel` gives it up.
 * Throws `view-behind` where the filling stands still for `waitMs`, `conflict` where a sink cannot go on or someone else cancelled.
 */
export async function rebuild(parts: Parts, options: RebuildOptions): Promise<RebuildReport> {
  const { rows, clients, config } = parts;
  const { view, from, note } = options;
  const before = await rows.read(view);
  goesOnFrom(before, from);
  const { row, read } = before.building === null ? await begun(parts, options, before) : { row: before, read: null };
  const generation = row.building ?? 0;
  note(
    before.building === null
      ? `Filling generation ${generation} of ${view} ${from === 'views' ? '' : 'with entries made anew from cdc.* '}beside generation ${row.active}, which readers see.`
      : `Going on with generation ${generation} of ${view}.`,
  );
  const startedMs = Date.now();
  // What was read of the tables is below where the source ends by now.
  await filled(parts, options, row, from === 'source' ? await rows.positionNow(config.slotName) : 0n);
  const filledMs = Date.now() - startedMs;
  note(`Filled in ${seconds(filledMs)} s. Comparing it with Postgres.`);
  const inStores = generationStoreViews(clients, config, view, generation);
  const verified = await verifyStores(inStores, { ...config, waitMs: options.waitMs });
  const verifiedMs = Date.now() - startedMs - filledMs;
  const report = { view, generation, previous: row.active, read, filledMs, verifiedMs, verified };
  if (verified.some(({ missing, extra, different }) => missing + extra + different > 0)) {
    return { ...report, switched: false, position: null, switchMs: null };
  }
  const switchedMs = Date.now();
  const position = await rows.activate(view, generation);
  await readersSee(clients, config, view, generation, options.waitMs);
  return { ...report, switched: true, position: lsnText(position), switchMs: Date.now() - switchedMs };
}

/** Names the next generation, after all that has to be there before it is filled. */
async function begun(
  parts: Parts,
  options: RebuildOptions,
  before: GenerationRow,
): Promise<{ row: GenerationRow; read: SourceRead | null }> {
  const { rows, config } = parts;
  const { view, from, rate, note } = options;
  if (from === 'views') return { row: await rows.begin(view, { rate, log: null, reading: null }), read: null };
  if (from === 'cdc') {
    return { row: await rows.begin(view, { rate, log: await createLog(config, before), reading: null }), read: null };
  }
  const reading = await rows.beginReading(view);
  if (before.sourceReading !== null) note(`Going on with the tables of ${view}: what has been read is not read again.`);
  const read = await readSource(parts, options, reading);
  note(`Read ${read.rows} rows again in ${seconds(read.ms)} s, and deleted ${read.deleted} that no table has.`);
  return { row: await rows.begin(view, { rate, log: await createLog(config, before), reading }), read };
}

/** Throws `conflict` where what is under way is filled from elsewhere. */
function goesOnFrom({ view, building, buildingLog, activeLog, sourceReading }: GenerationRow, from: RebuildFrom): void {
  if (building === null && sourceReading === null) return;
  const made = buildingLog === activeLog ? 'views' : 'cdc';
  const started = sourceReading === null ? made : 'source';
  if (started === from) return;
  throw new PlatformError(
    'conflict',
    `${building === null ? 'the next generation' : `generation ${building}`} of ${view} is being filled from ${started}: go on with \`--from ${started}\`, or give it up with \`millrace rebuild ${view} --cancel\``,
  );
}

const seconds = (ms: number): string => (ms / 1000).toFixed(1);
