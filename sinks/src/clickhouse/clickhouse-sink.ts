import type { ClickHouseClient } from '@clickhouse/client';
import { PlatformError } from '@millrace/kernel/errors';
import { FIRST_GENERATION, clickhouseNames, viewsInStore } from '@millrace/schemas/stores';
import type { ClickhouseNames, PartitionMark, ViewName } from '@millrace/schemas/stores';
import { markOf, newestEntries, sinkName } from '../port/index.ts';
import type { Sink, SinkBatch, SinkObserver } from '../port/index.ts';
import { clickhouseError, createClickhouse } from './client.ts';
import type { EncodingContext } from './column.ts';
import { encodeEntries, encodeMarks, encodingContext } from './encoding.ts';
import type { Insert } from './encoding.ts';
import { ensureSchema } from './schema.ts';

export interface ClickhouseSinkOptions {
  readonly url: string;
  readonly database: string;
  /** Key of the customers' pseudonyms. Another key gives other pseudonyms: change it only with a rebuild. */
  readonly customerSecret: string;
  /** Of all its views. Default the first. */
  readonly generation?: number;
  /** Default all that ClickHouse holds. */
  readonly views?: readonly ViewName[];
}

const ROWS_PER_INSERT = 50_000;

/**
 * Views in ClickHouse: a replacing table for each kind of entry, read through the `v_*` views that `ClickhouseGenerations` makes. A write is one insert per table that has
 * entries, side by side, then one insert of all marks: a mark is never there before its entries.
 */
export class ClickhouseSink implements Sink {
  readonly name: string;
  readonly views: readonly ViewName[];
  readonly #options: ClickhouseSinkOptions;
  readonly #generation: number;
  readonly #names: ClickhouseNames;
  readonly #context: EncodingContext;
  #client: ClickHouseClient | null = null;
  #observer: SinkObserver | null = null;

  constructor(options: ClickhouseSinkOptions) {
    this.#options = options;
    this.#generation = options.generation ?? FIRST_GENERATION;
    this.#names = clickhouseNames(options.database, () => this.#generation);
    this.name = sinkName('clickhouse', this.#generation);
    this.views = options.views ?? viewsInStore.clickhouse;
    this.#context = encodingContext(options.customerSecret);
  }

  async open(observer: SinkObserver): Promise<void> {
    await this.close();
    this.#client = createClickhouse(this.#options.url);
    this.#observer = observer;
    await ensureSchema(this.#client, this.#names, this.views);
  }

  async positions(): Promise<readonly PartitionMark[]> {
    try {
      const result = await this.#reach().query({
        query: `SELECT view, partition, toString(max(lsn)) AS position, toString(toUnixTimestamp64Milli(max(stream_time))) AS at,
            toString(max(log_offset)) AS next
          FROM ${this.#names.tables.watermarks} WHERE generation = ${this.#generation} GROUP BY view, partition`,
        format: 'JSONEachRow',
      });
      const rows = await result.json<{
        view: ViewName;
        partition: number;
        position: string;
        at: string;
        next: string;
      }>();
      return rows.map(({ view, partition, position, at, next }) => ({
        view,
        partition,
        lsn: BigInt(position),
        committedAtMs: Number(at),
        offset: BigInt(next),
      }));
    } catch (error) {
      throw clickhouseError(error, 'reading the watermarks');
    }
  }

  async write(batches: readonly SinkBatch[]): Promise<void> {
    const inserts = encodeEntries(this.#names, newestEntries(batches), this.#context);
    const outcomes = await Promise.allSettled(inserts.map((insert) => this.#insert(insert)));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    const marks = batches.map(markOf);
    await this.#insert(encodeMarks(this.#names, this.#generation, marks));
    this.#observer?.applied(marks);
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    this.#observer = null;
    await client?.close().catch(() => undefined);
  }

  async #insert({ table, columns, rows }: Insert): Promise<void> {
    try {
      for (let from = 0; from < rows.length; from += ROWS_PER_INSERT) {
        const values = rows.slice(from, from + ROWS_PER_INSERT);
        await this.#reach().insert({
          table,
          columns: [...columns] as [string, ...string[]],
          values,
          format: 'JSONCompactEachRow',
        });
      }
    } catch (error) {
      throw clickhouseError(error, `an insert into ${table}`);
    }
  }

  #reach(): ClickHouseClient {
    if (this.#client === null) throw new PlatformError('store-unavailable', 'clickhouse: the sink is not open');
    return this.#client;
  }
}
