import { PlatformError } from '@millrace/kernel/errors';
import type { LogClient, RecordView, TopicPartition } from '@millrace/kernel/log';
import { HEADER_BYTES } from '@millrace/schemas/avro';
import { isOwnKey } from '@millrace/schemas/markers';

/**
 * What one record says of a row's key: the log holds the row from here on, or no more. `key` null: no row of the table in this partition, for each
 * partition is emptied by a record of its own and they are read in no order among each other.
 */
export interface KeyFact {
  readonly partition: number;
  readonly table: string;
  /** Without the table's name. */
  readonly key: string | null;
  readonly held: boolean;
}

const POLL_MS = 500;
const MAX_SILENT_POLLS = 60;
const OP_AT = HEADER_BYTES + 1;

/**
 * Reads what partitions hold of some tables, from their beginning to their present end, in log order: each poll's facts at once. Memory is
 * bounded by a poll.
 */
export async function* readKeys(
  log: LogClient,
  partitions: readonly TopicPartition[],
  tables: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<KeyFact[]> {
  const ends = await endsOf(log, partitions);
  const reader = log.createReader();
  try {
    const open = new Map([...ends].filter(([, { offset, end }]) => offset < end));
    reader.assign([...open.values()]);
    for (let silent = 0; open.size > 0;) {
      const batches = await reader.poll(POLL_MS, signal);
      signal.throwIfAborted();
      silent = batches.length > 0 ? 0 : silent + 1;
      if (silent > MAX_SILENT_POLLS) throw new PlatformError('engine-unreachable', 'the log does not give its records');
      const facts: KeyFact[] = [];
      for (const batch of batches) {
        const part = open.get(nameOf(batch));
        if (part === undefined) continue;
        for (const record of batch.records) {
          const fact = record.offset < part.end ? factOf(batch.partition, record, tables) : null;
          if (fact !== null) facts.push(fact);
        }
        if (batch.nextOffset < part.end) continue;
        open.delete(nameOf(batch));
        reader.unassign([batch]);
      }
      if (facts.length > 0) yield facts;
    }
  } finally {
    await reader.close();
  }
}

async function endsOf(log: LogClient, partitions: readonly TopicPartition[]) {
  const ends = new Map<string, TopicPartition & { offset: bigint; end: bigint }>();
  for (const topic of new Set(partitions.map((partition) => partition.topic))) {
    for (const { partition, start, end } of await log.admin.offsets(topic)) {
      const wanted = partitions.some((other) => other.topic === topic && other.partition === partition);
      if (wanted) ends.set(nameOf({ topic, partition }), { topic, partition, offset: start, end });
    }
  }
  return ends;
}

function factOf(partition: number, { key, value }: RecordView, tables: readonly string[]): KeyFact | null {
  if (key === null || isOwnKey(key)) return null;
  const slash = key.indexOf(0x2f);
  if (slash < 0) return null;
  const table = key.toString('utf8', 0, slash);
  if (!tables.includes(table)) return null;
  const op = value === null || value.length <= OP_AT ? 'd' : String.fromCharCode(value[OP_AT] ?? 0);
  if (op === 't') return { partition, table, key: null, held: false };
  return { partition, table, key: key.toString('utf8', slash + 1), held: op !== 'd' };
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
