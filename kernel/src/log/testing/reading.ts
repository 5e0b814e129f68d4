import type { LogClient, LogReader, LogRecord, LogWriter, TopicPartition } from '../index.ts';

export interface ReadRecord {
  readonly partition: number;
  readonly offset: bigint;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [string, string])[];
}

export const bytes = (text: string): Buffer => Buffer.from(text);
export const record = (key: string, value: string | null = key): LogRecord => ({
  key: bytes(key),
  value: value === null ? null : bytes(value),
});

export function partitionsOf(topic: string, count: number): TopicPartition[] {
  return Array.from({ length: count }, (_, partition) => ({ topic, partition }));
}

export function openWriter(
  client: LogClient,
  partitions: readonly TopicPartition[],
  name?: string,
): Promise<LogWriter> {
  return client.openWriter({
    name: name ?? `writer-of-${partitions[0]?.topic ?? ''}`,
    partitions,
    barrier: (epoch) => record('_barrier', String(epoch)),
  });
}

/** Polls until `done` says so, copying the records. */
export async function readUntil(
  reader: LogReader,
  done: (read: readonly ReadRecord[]) => boolean,
): Promise<ReadRecord[]> {
  const read: ReadRecord[] = [];
  while (!done(read)) {
    for (const { partition, records } of await reader.poll(30_000)) {
      for (const { offset, key, value, headers } of records) {
        read.push({
          partition,
          offset,
          key: key?.toString() ?? null,
          value: value?.toString() ?? null,
          headers: (headers ?? []).map(([name, header]) => [name, header.toString()] as const),
        });
      }
    }
  }
  return read;
}

export const atLeast =
  (count: number) =>
  (read: readonly ReadRecord[]): boolean =>
    read.length >= count;

/** Reads a topic's partitions from their beginning to the ends as they are now. */
export async function readAll(client: LogClient, topic: string): Promise<ReadRecord[]> {
  const reader = client.createReader();
  const read: ReadRecord[] = [];
  const ends = await client.admin.offsets(topic);
  for (const { partition, start, end } of ends) {
    if (start === end) continue;
    reader.assign([{ topic, partition, offset: start }]);
    for (let next = start; next < end;) {
      for (const batch of await reader.poll(1_000)) {
        next = batch.nextOffset;
        for (const { offset, key, value } of batch.records) {
          const text = { key: key?.toString() ?? null, value: value?.toString() ?? null };
          read.push({ partition, offset, ...text, headers: [] });
        }
        // An adapter that does not hand out control records stops short of the end.
        if (batch.nextOffset === end - 1n) next = end;
      }
    }
    reader.unassign([{ topic, partition }]);
  }
  await reader.close();
  return read;
}
