import { PlatformError, isKind } from '@millrace/kernel/errors';
import type { ViewName } from '@millrace/schemas/stores';
import { CaptureClient, resnapshotEnded } from '../capture/index.ts';
import type { Resnapshot } from '../capture/index.ts';
import type { CliConfig } from '../config/index.ts';
import { readLag } from '../lag/index.ts';
import type { StoreClients } from '../lag/index.ts';
import { LiveFreshness } from './live-freshness.ts';
import { ReadingWatch } from './reading-watch.ts';
import { sourcePlan } from './source-plan.ts';
import type { SourcePlan } from './source-plan.ts';
import { sourceTables } from './source-tables.ts';

/** What reading the tables again came to. */
export interface SourceRead {
  readonly rows: number;
  readonly deleted: number;
  readonly ms: number;
}

interface Parts {
  readonly clients: StoreClients;
  readonly config: CliConfig;
}

interface Options {
  readonly view: ViewName;
  /** Rows a second; null for as fast as live freshness allows. */
  readonly rate: number | null;
  /** How long a re-snapshot at work may stand still, ms. */
  readonly waitMs: number;
  readonly note: (text: string) => void;
}

const NOTE_MS = 2_000;
const LOOK_MS = 500;
const HOLD_MS = 1_000;

/** Re-snapshots that were made before, as a measure of speed; none where no producer tells. */
export function earlierReadings(capture: CaptureClient): Promise<readonly Resnapshot[]> {
  return capture.resnapshots().catch(() => []);
}

/** What the re-snapshots of a rebuild are known by. */
const purposeOf = (view: ViewName, reading: string): string => `rebuild of ${view}, ${reading}`;

/**
 * Has the capture read every table of the view again, into the topics that the processors read: one re-snapshot for each topic. `reading` is what
 * they are known by: asked again with the same, what is done is not done twice. Rests while what readers see is late.
 *
 * Throws `conflict` where a re-snapshot failed or was cancelled, `view-behind` where one stands still for `waitMs`; the capture goes on by itself
 * meanwhile, also without this command.
 */
export async function readSource(parts: Parts, options: Options, reading: string): Promise<SourceRead> {
  const { view, rate, note } = options;
  const capture = new CaptureClient(parts.config.producersUrl);
  const reads = await sourceTables(view);
  const plan = await sourcePlan(parts.config.databaseUrl, reads, rate, await earlierReadings(capture));
  note(planText(view, plan));
  const progress = new ReadingProgress(plan.rows, note);
  const freshness = new LiveFreshness();
  for (const { tables } of reads) {
    const purpose = purposeOf(view, reading);
    const asked = await capture.resnapshot({
      tables,
      deletes: true,
      purpose,
      ...(rate === null ? {} : { rowsPerSecond: rate }),
    });
    const watch = watcher({ parts, capture, options, freshness });
    const ended = await resnapshotEnded(capture, asked.id, async (state) => {
      progress.tell(state);
      await watch(state);
    });
    if (ended.state !== 'done') {
      throw new PlatformError(
        'conflict',
        `re-snapshot ${ended.id} of the tables of ${view} ${ended.state === 'failed' ? `failed: ${ended.detail ?? ''}` : 'was cancelled'}; the same command asks for it again, \`millrace rebuild ${view} --cancel\` gives the rebuild up`,
      );
    }
    progress.ended(ended);
  }
  return progress.total;
}

/**
 * Ends what still reads for a rebuild that was given up. What it has published stays. False where no producer takes it now: it goes on to its
 * end then.
 */
export async function cancelReading(config: CliConfig, view: ViewName, reading: string): Promise<boolean> {
  const capture = new CaptureClient(config.producersUrl);
  const refused = (error: unknown): null => {
    if (isKind(error, 'conflict') || isKind(error, 'engine-unreachable')) return null;
    throw error;
  };
  const known = await capture.resnapshots().catch(refused);
  const running = known?.find(
    ({ request, state }) =>
      request['purpose'] === purposeOf(view, reading) && (state === 'queued' || state === 'running'),
  );
  if (running === undefined) return known !== null;
  // One that ended between the two is refused, and just as well ended: it was the last that was asked for.
  const state =
    (await capture.cancelResnapshot(running.id).catch(refused)) ?? (await capture.resnapshotState(running.id));
  return state.state !== 'queued' && state.state !== 'running';
}

interface Watched {
  readonly parts: Parts;
  readonly capture: CaptureClient;
  readonly options: Options;
  readonly freshness: LiveFreshness;
}

/** Holds a re-snapshot while readers see what is late, for a chunk and a second each time, so that it comes to its end all the same. */
function watcher({ parts, capture, options, freshness }: Watched): (state: Resnapshot) => Promise<void> {
  const { view, waitMs } = options;
  const watch = new ReadingWatch(Date.now());
  let lookedMs = 0;
  return async (state) => {
    const nowMs = Date.now();
    if (watch.stillMs(state, nowMs) > waitMs) {
      throw new PlatformError(
        'view-behind',
        `re-snapshot ${state.id} of the tables of ${view} has stood still for ${waitMs} ms${state.detail === null ? '' : `: ${state.detail}`}. The capture goes on with it when it can, and the same command with the rebuild`,
      );
    }
    if (nowMs - lookedMs < LOOK_MS) return;
    lookedMs = nowMs;
    // A store that does not answer says nothing of what its readers see; the filling that follows does not go on without it.
    const lags = await readLag(parts.clients, parts.config, nowMs).catch(() => []);
    if (freshness.isLate(lags, nowMs) && watch.mayHold(state)) await capture.hold(state.id, HOLD_MS);
  };
}

/** Rows and deletes of the re-snapshots together, told to the operator now and then. */
class ReadingProgress {
  readonly #expected: number;
  readonly #note: (text: string) => void;
  readonly #beganMs = Date.now();
  #notedMs = Date.now();
  /** As this command found it: its own speed is what tells the time to go. */
  #first: number | null = null;
  #rows = 0;
  #deleted = 0;

  constructor(expected: number, note: (text: string) => void) {
    this.#expected = expected;
    this.#note = note;
  }

  get total(): SourceRead {
    return { rows: this.#rows, deleted: this.#deleted, ms: Date.now() - this.#beganMs };
  }

  ended({ rows, deleted }: Resnapshot): void {
    this.#rows += rows;
    this.#deleted += deleted;
  }

  tell({ id, state, phase, table, rows, deleted, detail }: Resnapshot): void {
    const done = this.#rows + rows;
    this.#first ??= done;
    if (Date.now() - this.#notedMs < NOTE_MS) return;
    this.#notedMs = Date.now();
    const perSecond = ((done - this.#first) * 1_000) / (Date.now() - this.#beganMs);
    const left = Math.max(0, this.#expected - done);
    const what = phase === 'deletes' ? 'looking for rows that no table has any more' : `reading ${table ?? ''}`;
    this.#note(
      [
        `re-snapshot ${id} is ${state}, ${what}: ${done} of about ${this.#expected} rows (${Math.round(perSecond)}/s)`,
        `${this.#deleted + deleted} deletes`,
        ...(perSecond > 0 && phase === 'rows' ? [`about ${Math.ceil(left / perSecond)} s to go`] : []),
        ...(detail === null ? [] : [detail]),
      ].join(', '),
    );
  }
}

function planText(view: ViewName, { tables, rows, bytes, seconds }: SourcePlan): string {
  const names = tables.map(({ table }) => table).join(', ');
  return `Reading again what ${view} is made from: ${names}; about ${rows} rows, ${bytes} bytes${seconds === null ? '' : `, ${seconds} s`}.`;
}
