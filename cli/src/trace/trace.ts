import { PlatformError, isKind } from '@millrace/kernel/errors';
import type { LogClient, RecordView, TopicPartition } from '@millrace/kernel/log';
import { lsnText } from '@millrace/kernel/position';
import { createChangeDecoder } from '@millrace/schemas/cdc';
import { isOwnKey, isWatermarkKey, readWatermark } from '@millrace/schemas/markers';
import { partitionOf } from '@millrace/schemas/partition';
import type { SchemaRegistry } from '@millrace/schemas/registry';
import { logOfTopic } from '@millrace/schemas/stores';
import { capturedTables, partitionCount } from '@millrace/schemas/topics';
import { createViewCodec } from '@millrace/schemas/views';

/** One record of the row, or one entry made for its aggregate. Values are left out: positions are what a trace is about. */
export interface Hop extends TopicPartition {
  readonly offset: string;
  readonly key: string;
  /** c, u, d, r for rows; put or deleted for entries; tombstone. */
  readonly what: string;
  readonly position: string | null;
  readonly committedAt: string | null;
}

export interface Trace {
  readonly table: string;
  readonly id: string;
  readonly partition: number;
  /** The row's records that its topic still holds, oldest first, at most the newest `most`. */
  readonly records: readonly Hop[];
  /** By topic, every log of each view: the newest entry of each of the aggregate's keys, and how far the partition is. */
  readonly views: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly watermark: string;
    readonly entries: readonly Hop[];
  }[];
}

export interface TraceOptions {
  readonly log: LogClient;
  readonly registry: SchemaRegistry;
  readonly topicPrefix: string;
  readonly partitions: number;
  readonly most: number;
}

/** Follows one row from its topic into the views of its partition. `id`: the primary key, its columns joined by `/`. */
export async function traceRow(options: TraceOptions, table: string, id: string): Promise<Trace> {
  const { topicPrefix, partitions, most } = options;
  const captured = capturedTables.find((candidate) => candidate.table === table);
  if (captured === undefined) {
    const known = capturedTables.map((candidate) => candidate.table).join(', ');
    throw new PlatformError('config-invalid', `no captured table ${table}: there are ${known}`);
  }
  const [aggregate = id] = id.split('/');
  const partition = partitionOf(aggregate, partitionCount(captured.topic, partitions));
  const source = { topic: topicPrefix + captured.topic, partition };
  const records = await rowsOf(options, source, `${table}/${id}`);
  // What every task reads has no views of its partition.
  const logs = captured.topic === 'cdc.reference' ? [] : await options.log.admin.listTopics();
  const topics = logs.filter((topic) => logOfTopic(topic, topicPrefix) !== null).sort();
  const views = [];
  for (const topic of topics) views.push(await entriesOf(options, topic, partition, aggregate));
  return { table, id, partition, records: records.slice(-most), views };
}

async function rowsOf({ log, registry }: TraceOptions, source: TopicPartition, key: string): Promise<Hop[]> {
  const decoder = createChangeDecoder(registry);
  const hops: Hop[] = [];
  await scan(log, source, async (record) => {
    const text = record.key?.toString() ?? '';
    if (text !== key && !text.startsWith(`${key}/`)) return;
    const base = { ...source, offset: record.offset.toString(), key: text };
    if (record.value === null) {
      hops.push({ ...base, what: 'tombstone', position: null, committedAt: null });
      return;
    }
    const value = Buffer.from(record.value);
    const { op, lsn, tsUs } = await prepared(
      () => decoder.decode(value),
      () => decoder.prepare(value),
    );
    hops.push({ ...base, what: op, position: lsnText(lsn), committedAt: isoOf(tsUs) });
  });
  return hops;
}

async function entriesOf(
  { log, registry }: TraceOptions,
  topic: string,
  partition: number,
  aggregate: string,
): Promise<Trace['views'][number]> {
  const from = { topic, partition };
  const codec = await createViewCodec(registry, from.topic);
  const newest = new Map<string, Hop>();
  let watermark = 0n;
  await scan(log, from, async ({ key, value, offset }) => {
    if (key === null || value === null) return;
    if (isWatermarkKey(key)) watermark = readWatermark(value).lsn;
    if (isOwnKey(key)) return;
    const text = key.toString();
    const id = text.slice(text.indexOf(':') + 1);
    if (id !== aggregate && !id.startsWith(`${aggregate}/`)) return;
    const held = { key: Buffer.from(key), value: Buffer.from(value) };
    const entry = await prepared(
      () => codec.decode(held.key, held.value),
      () => codec.prepare(held.value),
    );
    if (entry === null) return;
    const what = entry.data === null ? 'deleted' : 'put';
    const at = { position: lsnText(entry.lsn), committedAt: isoOf(entry.tsUs) };
    newest.set(text, { ...from, offset: offset.toString(), key: text, what, ...at });
  });
  return { ...from, watermark: lsnText(watermark), entries: [...newest.values()] };
}

/** Fetches the schema and tries again where it was not known. */
async function prepared<T>(decode: () => T, prepare: () => Promise<void>): Promise<T> {
  try {
    return decode();
  } catch (error) {
    if (!isKind(error, 'schema-unknown')) throw error;
    await prepare();
    return decode();
  }
}

/** Every record that the partition holds at the call, in order. */
async function scan(log: LogClient, at: TopicPartition, take: (record: RecordView) => Promise<void>): Promise<void> {
  const bounds = (await log.admin.offsets(at.topic)).find(({ partition }) => partition === at.partition);
  if (bounds === undefined || bounds.start >= bounds.end) return;
  const reader = log.createReader();
  try {
    reader.assign([{ ...at, offset: bounds.start }]);
    for (let next = bounds.start; next < bounds.end;) {
      for (const batch of await reader.poll(1_000)) {
        for (const record of batch.records) if (record.offset < bounds.end) await take(record);
        next = batch.nextOffset;
      }
    }
  } finally {
    await reader.close();
  }
}

const isoOf = (tsUs: number): string | null => (tsUs === 0 ? null : new Date(tsUs / 1000).toISOString());
