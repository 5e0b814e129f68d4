import type { LogClient, LogWriter } from '@millrace/kernel/log';
import { PlatformError } from '@millrace/kernel/errors';
import type { Lsn } from '@millrace/kernel/position';
import { TextRow } from '@millrace/schemas/cdc';
import type pg from 'pg';
import { Acknowledger } from '../replication/acknowledger.ts';
import type { CopyStream } from '../replication/copy-stream.ts';
import { publishPendingEvents } from '../outbox/pending-events.ts';
import { CopyGate, RowThrottle, copyAll } from './copy-crew.ts';
import { enterSnapshot } from './copy-clients.ts';
import { copyPlan, copyStatement, isReference } from './copy-tasks.ts';
import type { CopyPlan, CopyTask } from './copy-tasks.ts';
import { readCopyLine } from './copy-text.ts';
import { Publisher } from './publisher.ts';
import type { PublisherOptions } from './publisher.ts';
import type { RouteCatalog } from './route-catalog.ts';
import type { SourceTable } from './source-tables.ts';

export interface SnapshotProgress {
  /** The table begun last. */
  readonly table: string;
  readonly tablesDone: number;
  readonly tables: number;
  readonly rows: number;
  /** By the planner's statistics; null where it has none. */
  readonly estimatedRows: number | null;
  readonly rowsPerSecond: number;
  /** Null where nothing is known to go by. */
  readonly etaSeconds: number | null;
}

/** For people, while the capture is not ready. */
export function snapshotReason({ table, tablesDone, tables, rows, etaSeconds }: SnapshotProgress): string {
  const eta = etaSeconds === null ? '' : `, about ${etaSeconds} s to go`;
  return `snapshot: ${tablesDone} of ${tables} tables done, at ${table}, ${rows} rows so far${eta}`;
}

export interface SnapshotOptions {
  /** Connections of its own, each in a repeatable read transaction of which nothing was asked yet; they stay in it. */
  readonly clients: readonly [pg.Client, ...pg.Client[]];
  readonly snapshotName: string;
  readonly publication: string;
  /** Position of its rows, epoch included: everything committed at or below is in it. */
  readonly lsn: Lsn;
  readonly tables: readonly SourceTable[];
  readonly routes: RouteCatalog;
  readonly writer: LogWriter;
  readonly log: LogClient;
  readonly publisher: Pick<PublisherOptions, 'partitions' | 'scheduler' | 'limits' | 'onAcknowledged'>;
  /** The log holds rows of a snapshot that was not completed: readers are told to forget them first. */
  readonly restarted: boolean;
  /** Most rows a second; 0 for no limit. */
  readonly rowsPerSecond: number;
  /** Large tables are cut into parts of so many blocks. */
  readonly blocksPerTask?: number;
  readonly onProgress: (progress: SnapshotProgress) => void;
  readonly signal: AbortSignal;
}

/**
 * Copies every captured table, as of the exported snapshot, into the log: one huge commit of `r` rows at `lsn`, reference tables first, then
 * parts of the others on all connections at once.
 * Memory is bounded: the source is paused while too much is unanswered. When it resolves, the log holds all rows, and a watermark in each
 * partition says so; a partition without a watermark is the sign of a snapshot that was not completed.
 */
export async function takeSnapshot(options: SnapshotOptions): Promise<{ rows: number }> {
  const { clients, lsn, routes, writer, signal } = options;
  const gate = new CopyGate();
  const publisher = new Publisher({
    ...options.publisher,
    append: (batches) => writer.append(batches),
    watermarkSchemaId: (topic) => routes.watermarkId(topic),
    acknowledger: new Acknowledger(0n),
    streamTimeUs: 0,
    onFailure: (error) => gate.fail(error instanceof Error ? error : new PlatformError('internal', String(error))),
    onPressure: (pressed) => gate.hold('pressure', pressed),
  });
  const throttle = new RowThrottle(options.rowsPerSecond, options.publisher.scheduler, (held) =>
    gate.hold('pace', held),
  );
  const abort = (): void => gate.fail(signal.reason as Error);
  signal.addEventListener('abort', abort);
  try {
    await enterSnapshot(clients, options.snapshotName, options.publication, options.tables);
    const [first] = clients;
    const time = await first.query<{ us: string }>('select (extract(epoch from now()) * 1000000)::int8::text as us');
    const plan = await copyPlan(first, options.tables, options.blocksPerTask);
    publisher.begin({ lsn, txid: 0, tsUs: Number(time.rows[0]?.us ?? 0) });
    if (options.restarted) {
      for (const { relation } of options.tables) publisher.truncate(await routes.route(relation));
    }
    const tally = new Tally(plan, options.onProgress, () => options.publisher.scheduler.nowMs());
    const row = new TextRow();
    const begin = async (task: CopyTask) => {
      signal.throwIfAborted();
      const route = await routes.route(task.table.relation);
      tally.begins(task);
      return {
        statement: copyStatement(task),
        onLine: (line: Buffer): void => {
          readCopyLine(line, row);
          publisher.snapshotRow(route, row);
          tally.row();
          throttle.took();
        },
      };
    };
    for (const reference of [true, false]) {
      const tasks = plan.tasks.filter(({ table }) => isReference(table) === reference);
      await copyAll(clients, tasks, gate, begin, (task) => tally.done(task));
    }
    const events = await pendingEvents(options, publisher, gate);
    for (const client of clients) await client.query('commit');
    publisher.commit(lsn + 1n);
    await publisher.drain();
    gate.throwIfFailed();
    return { rows: tally.rows + events };
  } finally {
    signal.removeEventListener('abort', abort);
    throttle.stop();
    publisher.stop();
  }
}

/** What waits in the outbox, on the first connection. */
async function pendingEvents(
  { clients: [client], routes, log, writer }: SnapshotOptions,
  publisher: Publisher,
  gate: CopyGate,
): Promise<number> {
  const { outbox } = routes;
  if (outbox === null) return 0;
  const onCopy = (copy: CopyStream): void => {
    gate.add(copy);
    copy.ended.catch(() => undefined).finally(() => gate.remove(copy));
  };
  const events = await publishPendingEvents({ client, log, outbox, publisher, writer, onCopy });
  gate.throwIfFailed();
  return events;
}

const PROGRESS_ROWS = 10_000;

/** Counts rows and tables, and tells how far it is. */
class Tally {
  readonly #plan: CopyPlan;
  readonly #tell: (progress: SnapshotProgress) => void;
  readonly #nowMs: () => number;
  readonly #beganMs: number;
  /** Parts not done, by table. */
  readonly #open = new Map<string, number>();
  readonly #tables: number;
  #table = '';
  #rows = 0;

  constructor(plan: CopyPlan, tell: (progress: SnapshotProgress) => void, nowMs: () => number) {
    this.#plan = plan;
    this.#tell = tell;
    this.#nowMs = nowMs;
    this.#beganMs = nowMs();
    for (const task of plan.tasks) this.#open.set(nameOf(task), (this.#open.get(nameOf(task)) ?? 0) + 1);
    this.#tables = this.#open.size;
  }

  get rows(): number {
    return this.#rows;
  }

  begins(task: CopyTask): void {
    this.#table = task.table.relation.table;
    this.#report();
  }

  row(): void {
    if (++this.#rows % PROGRESS_ROWS === 0) this.#report();
  }

  done(task: CopyTask): void {
    const left = (this.#open.get(nameOf(task)) ?? 1) - 1;
    if (left > 0) this.#open.set(nameOf(task), left);
    else this.#open.delete(nameOf(task));
    this.#report();
  }

  #report(): void {
    const { estimatedRows } = this.#plan;
    const seconds = (this.#nowMs() - this.#beganMs) / 1_000;
    const rowsPerSecond = seconds > 0 ? Math.round(this.#rows / seconds) : 0;
    const left = estimatedRows === null ? null : Math.max(0, estimatedRows - this.#rows);
    this.#tell({
      table: this.#table,
      tablesDone: this.#tables - this.#open.size,
      tables: this.#tables,
      rows: this.#rows,
      estimatedRows,
      rowsPerSecond,
      etaSeconds: left === null || rowsPerSecond === 0 ? null : Math.round(left / rowsPerSecond),
    });
  }
}

function nameOf({ table: { relation } }: CopyTask): string {
  return `${relation.schema}.${relation.table}`;
}
