import { PlatformError } from '@millrace/kernel/errors';
import type { Lsn } from '@millrace/kernel/position';
import { sleep } from '@millrace/kernel/retry';
import { FIRST_LOG, topicOfLog } from '@millrace/schemas/stores';
import type { ViewName } from '@millrace/schemas/stores';
import type { CliConfig } from '../config/index.ts';
import { generationMarks, storesHolding } from '../lag/index.ts';
import type { StoreClients } from '../lag/index.ts';
import { etaSeconds, fillOf } from './fill-progress.ts';
import type { StoreFill } from './fill-progress.ts';
import type { GenerationRow, GenerationRows } from './generation-rows.ts';
import { readForLog } from './new-log.ts';
import { brokenSinks } from './sinks-status.ts';

interface Parts {
  readonly rows: GenerationRows;
  readonly clients: StoreClients;
  readonly config: CliConfig;
}

interface Options {
  readonly view: ViewName;
  readonly waitMs: number;
  readonly note: (text: string) => void;
}

const LOOK_MS = 250;
const NOTE_MS = 2_000;

/**
 * Resolves when every store holds in the generation all that readers had seen in the active one a moment before, and all up to `past`. Throws
 * `view-behind` where the filling stands still for `waitMs`, `conflict` where a sink cannot go on or someone else cancelled.
 */
export async function filled(parts: Parts, options: Options, row: GenerationRow, past: Lsn): Promise<void> {
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
    const fills = fillOf(stores, seen, await generationMarks(clients, config, view, generation), past);
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
