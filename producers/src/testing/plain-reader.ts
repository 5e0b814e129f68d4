import type { LogClient, LogReader, TopicPartition } from '@millrace/kernel/log';
import { isKind } from '@millrace/kernel/errors';
import { createChangeDecoder } from '@millrace/schemas/cdc';
import type { Change } from '@millrace/schemas/cdc';
import { isOwnKey, isWatermarkKey, readWatermark } from '@millrace/schemas/markers';
import type { SchemaRegistry } from '@millrace/schemas/registry';

/** A change with where it was read. */
export interface ReadChange extends Change {
  readonly topic: string;
  readonly partition: number;
  readonly key: string;
  readonly readAtMs: number;
}

/** Reads every `cdc.*` partition from the start as any consumer would: no positions, no dropping; it just notes what comes. */
export class PlainReader {
  readonly changes: ReadChange[] = [];
  readonly tombstones: { readonly topic: string; readonly key: string }[] = [];
  /** Highest watermark by `topic/partition`. */
  readonly watermarks = new Map<string, bigint>();
  /** What broke the rules as it was read. */
  readonly problems: string[] = [];
  readonly #reader: LogReader;
  readonly #decoder;
  readonly #partitionCount: number;
  readonly #last = new Map<string, { lsn: bigint; ordinal: number }>();

  constructor(log: LogClient, registry: SchemaRegistry, all: readonly TopicPartition[]) {
    this.#partitionCount = all.length;
    this.#reader = log.createReader();
    this.#decoder = createChangeDecoder(registry);
    this.#reader.assign(all.map(({ topic, partition }) => ({ topic, partition, offset: 0n })));
  }

  /** Reads until `done` says so; throws after `timeoutMs`. */
  async until(done: () => boolean, timeoutMs = 20_000): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs;
    while (!done()) {
      if (performance.now() > deadlineMs) throw new Error(`after ${timeoutMs} ms: ${this.changes.length} changes read`);
      await this.#poll(100);
    }
  }

  /** Reads until every partition has a watermark at or past `lsn`. */
  async reached(lsn: bigint, timeoutMs?: number): Promise<void> {
    await this.until(
      () =>
        this.watermarks.size === this.#partitionCount &&
        [...this.watermarks.values()].every((watermark) => watermark >= lsn),
      timeoutMs,
    );
  }

  /** Current rows of a table by record key, as the changes leave them. */
  table(name: string): Map<string, Change> {
    const rows = new Map<string, ReadChange>();
    for (const change of this.changes) {
      if (change.table !== name) continue;
      if (change.op === 't') forgetPartition(rows, change.partition);
      else if (change.op === 'd') rows.delete(change.key);
      else rows.set(change.key, change);
    }
    return rows;
  }

  close(): Promise<void> {
    return this.#reader.close();
  }

  async #poll(waitMs: number): Promise<void> {
    for (const batch of await this.#reader.poll(waitMs)) {
      const name = `${batch.topic}/${batch.partition}`;
      for (const { key, value } of batch.records) {
        if (key === null) continue;
        if (isWatermarkKey(key) && value !== null) this.#watermark(name, readWatermark(value).lsn);
        if (isOwnKey(key)) continue;
        if (value === null) this.tombstones.push({ topic: batch.topic, key: key.toString() });
        else await this.#change(batch, name, key.toString(), value);
      }
    }
  }

  async #change(batch: { topic: string; partition: number }, name: string, key: string, value: Buffer): Promise<void> {
    const change = await this.#decode(value);
    const last = this.#last.get(name);
    if (last !== undefined && (change.lsn < last.lsn || (change.lsn === last.lsn && change.ordinal <= last.ordinal))) {
      this.problems.push(`${name}: ${change.table} ${change.op} at or below the position before it`);
    }
    if (change.lsn <= (this.watermarks.get(name) ?? -1n)) this.problems.push(`${name}: a change below its watermark`);
    this.#last.set(name, change);
    const { topic, partition } = batch;
    this.changes.push({ ...change, topic, partition, key, readAtMs: Date.now() });
  }

  #watermark(name: string, lsn: bigint): void {
    const before = this.watermarks.get(name) ?? -1n;
    if (lsn <= before) this.problems.push(`${name}: a watermark goes back`);
    if (lsn < (this.#last.get(name)?.lsn ?? -1n)) this.problems.push(`${name}: a watermark below a change before it`);
    this.watermarks.set(name, lsn);
  }

  async #decode(value: Buffer): Promise<Change> {
    try {
      return this.#decoder.decode(value);
    } catch (error) {
      if (!isKind(error, 'schema-unknown')) throw error;
      const copy = Buffer.from(value);
      await this.#decoder.prepare(copy);
      return this.#decoder.decode(copy);
    }
  }
}

/** A truncate stands in every partition, and says nothing of the others. */
function forgetPartition(rows: Map<string, ReadChange>, partition: number): void {
  for (const [key, row] of rows) if (row.partition === partition) rows.delete(key);
}
