import type { LogClient, LogWriter, PartitionEnd, TopicPartition } from '@millrace/kernel/log';
import { PlatformError } from '@millrace/kernel/errors';
import { TextRow } from '@millrace/schemas/cdc';
import type pg from 'pg';
import { CopyStream } from '../replication/copy-stream.ts';
import { readCopyLine } from '../capture/copy-text.ts';
import type { Publisher } from '../capture/publisher.ts';
import type { Outbox } from './outbox.ts';
import { EVENT_ID_HEADER } from './event-route.ts';
import type { OutboxTable } from './outbox-table.ts';

const POLL_MS = 500;
const MAX_SILENT_POLLS = 60;

/**
 * The rows that wait in the outbox and are not in the log yet, by event id: those that an earlier snapshot or stream has published stay out, so
 * that each is published once. `client` is in the snapshot's transaction. Reads the event topics whole where anything waits: a snapshot is rare.
 */
async function unpublishedEvents(
  client: pg.Client,
  log: LogClient,
  outbox: Outbox,
  ends: readonly PartitionEnd[],
): Promise<Set<string>> {
  const { rows } = await client.query<{ id: string }>(`select event_id::text as id from ${quotedName(outbox.table)}`);
  const waiting = new Set(rows.map(({ id }) => id));
  const filled = ends.filter((end) => end.startOffset < end.barrierOffset && outbox.topics.includes(end.topic));
  const open = new Map(filled.map((end) => [nameOf(end), end]));
  if (waiting.size === 0 || open.size === 0) return waiting;
  const reader = log.createReader();
  try {
    reader.assign(filled.map(({ topic, partition, startOffset }) => ({ topic, partition, offset: startOffset })));
    for (let silent = 0; open.size > 0;) {
      const batches = await reader.poll(POLL_MS);
      silent = batches.length > 0 ? 0 : silent + 1;
      if (silent > MAX_SILENT_POLLS) throw new PlatformError('engine-unreachable', 'the log does not give its events');
      for (const batch of batches) {
        for (const { headers } of batch.records) {
          const id = headers?.find(([name]) => name === EVENT_ID_HEADER)?.[1].toString();
          if (id !== undefined) waiting.delete(id);
        }
        if (batch.nextOffset < (open.get(nameOf(batch))?.barrierOffset ?? 0n)) continue;
        open.delete(nameOf(batch));
        reader.unassign([batch]);
      }
    }
  } finally {
    await reader.close();
  }
  return waiting;
}

export interface PendingEvents {
  /** In the snapshot's transaction. */
  readonly client: pg.Client;
  readonly log: LogClient;
  readonly outbox: Outbox;
  readonly publisher: Publisher;
  /** The snapshot's: what its partitions held before it opened was written by others. */
  readonly writer: Pick<LogWriter, 'ends'>;
  /** The copy that is running, to be paused and failed. */
  readonly onCopy: (copy: CopyStream) => void;
}

/**
 * Publishes what waits in the outbox as part of the snapshot, in the order of the event ids, which are made in time's order. Resolves with how
 * many there were.
 */
export async function publishPendingEvents(options: PendingEvents): Promise<number> {
  const { client, log, outbox, publisher, writer, onCopy } = options;
  const waiting = await unpublishedEvents(client, log, outbox, writer.ends);
  if (waiting.size === 0) return 0;
  const route = outbox.route(outbox.table.relation);
  const columns = outbox.table.relation.columns.map(({ name }) => quoted(name)).join(', ');
  const row = new TextRow();
  const copy = new CopyStream(
    `copy (select ${columns} from ${quotedName(outbox.table)} order by event_id) to stdout`,
    (line) => {
      readCopyLine(line, row);
      if (route.outbox !== undefined && waiting.has(route.outbox.eventId(row))) publisher.snapshotRow(route, row);
    },
  );
  client.query(copy);
  onCopy(copy);
  await copy.ended;
  return waiting.size;
}

export function quotedName({ schema, table }: Pick<OutboxTable, 'schema' | 'table'>): string {
  return `${quoted(schema)}.${quoted(table)}`;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
