import type { LogClient, LogWriter } from '@millrace/kernel/log';
import { PlatformError } from '@millrace/kernel/errors';
import type { Lsn } from '@millrace/kernel/position';
import { TextRow } from '@millrace/schemas/cdc';
import type { Relation } from '@millrace/schemas/cdc';
import type pg from 'pg';
import { Acknowledger } from '../replication/acknowledger.ts';
import { CopyStream } from '../replication/copy-stream.ts';
import { publishPendingEvents } from '../outbox/pending-events.ts';
import { readCopyLine } from './copy-text.ts';
import { Publisher } from './publisher.ts';
import type { PublisherOptions } from './publisher.ts';
import type { RouteCatalog } from './route-catalog.ts';
import type { SourceTable } from './source-tables.ts';

export interface SnapshotProgress {
  readonly table: string;
  readonly tablesDone: number;
  readonly tables: number;
  readonly rows: number;
}

export interface SnapshotOptions {
  /** A connection of its own: it stays in the snapshot's transaction. */
  readonly client: pg.Client;
  readonly snapshotName: string;
  /** Position of its rows, epoch included: everything committed at or below is in it. */
  readonly lsn: Lsn;
  readonly tables: readonly SourceTable[];
  readonly routes: RouteCatalog;
  readonly writer: LogWriter;
  readonly log: LogClient;
  readonly publisher: Pick<PublisherOptions, 'partitions' | 'scheduler' | 'limits' | 'onAcknowledged'>;
  /** The log holds rows of a snapshot that was not completed: readers are told to forget them first. */
  readonly restarted: boolean;
  readonly onProgress: (progress: SnapshotProgress) => void;
  readonly signal: AbortSignal;
}

/**
 * Copies every captured table, as of the exported snapshot, into the log: one huge commit of `r` rows at `lsn`, reference tables first.
 * Memory is bounded: the source is paused while too much is unanswered. When it resolves, the log holds all rows, and a watermark in each
 * partition says so; a partition without a watermark is the sign of a snapshot that was not completed.
 */
export async function takeSnapshot(options: SnapshotOptions): Promise<{ rows: number }> {
  const { client, lsn, routes, writer, signal } = options;
  let copy: CopyStream | null = null;
  let failure: Error | null = null;
  const publisher = new Publisher({
    ...options.publisher,
    append: (batches) => writer.append(batches),
    watermarkSchemaId: (topic) => routes.watermarkId(topic),
    acknowledger: new Acknowledger(0n),
    streamTimeUs: 0,
    onFailure: (error) => {
      failure = error instanceof Error ? error : new PlatformError('internal', String(error));
      copy?.fail(failure);
    },
    onPressure: (pressed) => (pressed ? copy?.pause() : copy?.resume()),
  });
  const abort = (): void => copy?.fail(signal.reason as Error);
  signal.addEventListener('abort', abort);
  try {
    await client.query('begin isolation level repeatable read read only');
    await client.query(`set transaction snapshot '${options.snapshotName}'`);
    const time = await client.query<{ us: string }>('select (extract(epoch from now()) * 1000000)::int8::text as us');
    publisher.begin({ lsn, txid: 0, tsUs: Number(time.rows[0]?.us ?? 0) });
    const ordered = referenceFirst(options.tables);
    if (options.restarted) for (const { relation } of ordered) publisher.truncate(await routes.route(relation));
    let rows = 0;
    const row = new TextRow();
    for (const [index, { relation }] of ordered.entries()) {
      options.onProgress({ table: relation.table, tablesDone: index, tables: ordered.length, rows });
      const route = await routes.route(relation);
      signal.throwIfAborted();
      copy = new CopyStream(copyStatement(relation), (line) => {
        readCopyLine(line, row);
        publisher.snapshotRow(route, row);
        rows++;
        if (rows % PROGRESS_ROWS === 0) {
          options.onProgress({ table: relation.table, tablesDone: index, tables: ordered.length, rows });
        }
      });
      client.query(copy);
      await copy.ended;
      throwIf(failure);
    }
    if (routes.outbox !== null) {
      const onCopy = (running: CopyStream): CopyStream => (copy = running);
      rows += await publishPendingEvents({
        client,
        log: options.log,
        outbox: routes.outbox,
        publisher,
        writer,
        onCopy,
      });
      throwIf(failure);
    }
    await client.query('commit');
    publisher.commit(lsn + 1n);
    await publisher.drain();
    throwIf(failure);
    return { rows };
  } finally {
    signal.removeEventListener('abort', abort);
    publisher.stop();
  }
}

const PROGRESS_ROWS = 10_000;

/** A function, because a variable that a callback sets looks constant to the compiler. */
function throwIf(failure: Error | null): void {
  if (failure !== null) throw failure;
}

function referenceFirst(tables: readonly SourceTable[]): SourceTable[] {
  const isReference = ({ captured }: SourceTable): boolean => captured.topic === 'cdc.reference';
  return [...tables.filter(isReference), ...tables.filter((table) => !isReference(table))];
}

function copyStatement({ schema, table, columns }: Relation): string {
  return `copy ${quoted(schema)}.${quoted(table)} (${columns.map(({ name }) => quoted(name)).join(', ')}) to stdout`;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
