import type { LogClient, LogRecord, LogWriter } from '@millrace/kernel/log';
import { encodeChange, envelopeSchema } from '@millrace/schemas/cdc';
import type { ChangeOp, Relation, Row } from '@millrace/schemas/cdc';
import { barrierRecord, barrierSchema, watermarkRecord, watermarkSchema } from '@millrace/schemas/markers';
import { partitionOf } from '@millrace/schemas/partition';
import type { SchemaRegistry } from '@millrace/schemas/registry';
import { shopRelation } from '@millrace/schemas/testing';
import { TOMBSTONE_POSITION_HEADER } from '../runtime/tombstone.ts';
import { SOURCE_SCHEMA, capturedTables, cdcTopics, partitionCount } from '@millrace/schemas/topics';
import type { CdcTopic } from '@millrace/schemas/topics';

/** One row of a commit. `row` may leave columns out: they are null. */
export interface TestRow {
  readonly table: string;
  readonly op: ChangeOp;
  readonly row: Row;
}

/** A table that is not the shop's. */
export interface TestTable {
  readonly topic: CdcTopic;
  readonly table: string;
  /** Primary key; the first column is the aggregate's id. */
  readonly key: readonly string[];
  /** Other columns; null where a row leaves them out. */
  readonly columns: Readonly<Record<string, 'text' | 'int' | 'long' | 'boolean' | 'double' | 'timestamp'>>;
}

interface TableInfo {
  readonly topic: string;
  readonly aggregateColumn: string;
  readonly relation: Relation;
  readonly schemaId: number;
}

const tenant = '00000000-0000-7000-8000-000000000001';

/** Stands in for the producers: writes commits and watermarks into `cdc.*` by hand. */
export class TestSource {
  readonly #prefix: string;
  readonly #partitions: number;
  readonly #registry: SchemaRegistry;
  readonly #writer: LogWriter;
  readonly #watermarkId: number;
  readonly #tables = new Map<string, TableInfo>();
  readonly #declared: readonly TestTable[];
  readonly #topics: readonly CdcTopic[];

  private constructor(
    declared: readonly TestTable[],
    prefix: string,
    partitions: number,
    registry: SchemaRegistry,
    writer: LogWriter,
    watermarkId: number,
  ) {
    this.#declared = declared;
    this.#topics = topicsWith(declared);
    this.#prefix = prefix;
    this.#partitions = partitions;
    this.#registry = registry;
    this.#writer = writer;
    this.#watermarkId = watermarkId;
  }

  static async open(
    log: LogClient,
    registry: SchemaRegistry,
    options: { prefix?: string; partitions?: number; tables?: readonly TestTable[] } = {},
  ): Promise<TestSource> {
    const { prefix = '', partitions = 1, tables = [] } = options;
    const targets = topicsWith(tables).flatMap((topic) =>
      Array.from({ length: partitionCount(topic, partitions) }, (_, partition) => ({
        topic: prefix + topic,
        partition,
      })),
    );
    const barrierId = await registry.register(`${prefix}cdc.catalog`, barrierSchema);
    const watermarkId = await registry.register(`${prefix}cdc.catalog`, watermarkSchema);
    const name = `${prefix}test-source`;
    const writer = await log.openWriter({
      name,
      partitions: targets,
      barrier: (epoch) => barrierRecord(barrierId, name, epoch),
    });
    return new TestSource(tables, prefix, partitions, registry, writer, watermarkId);
  }

  /** A commit's rows, then (unless told otherwise) its watermark in every partition. */
  async commit(lsn: bigint, tsUs: number, rows: readonly TestRow[], watermark = true): Promise<void> {
    const batches = new Map<string, { topic: string; partition: number; records: LogRecord[] }>();
    const target = (topic: string, partition: number): LogRecord[] => {
      const key = `${topic}/${partition}`;
      const batch = batches.get(key) ?? { topic: this.#prefix + topic, partition, records: [] };
      batches.set(key, batch);
      return batch.records;
    };
    for (const [ordinal, row] of rows.entries()) {
      const info = await this.#table(row.table);
      const records = await this.#records(info, row, lsn, tsUs, ordinal);
      if (row.op === 't') {
        for (let at = 0; at < partitionCount(info.topic as never, this.#partitions); at++) {
          target(info.topic, at).push(...records);
        }
      } else {
        const aggregate = String(row.row[info.aggregateColumn]);
        target(info.topic, partitionOf(aggregate, partitionCount(info.topic as never, this.#partitions))).push(
          ...records,
        );
      }
    }
    if (watermark) {
      for (const topic of this.#topics) {
        for (let at = 0; at < partitionCount(topic, this.#partitions); at++) {
          target(topic, at).push(watermarkRecord(this.#watermarkId, { lsn: lsn + 1n, tsUs }));
        }
      }
    }
    await this.#writer.append([...batches.values()]);
  }

  /** Nothing happened but time. */
  watermark(lsn: bigint, tsUs: number): Promise<void> {
    return this.commit(lsn - 1n, tsUs, []);
  }

  /** Any record, as someone else might write it. */
  async foreign(topic: string, partition: number, record: LogRecord): Promise<void> {
    await this.#writer.append([{ topic: this.#prefix + topic, partition, records: [record] }]);
  }

  /** The key and value a row's record has. */
  async record(row: TestRow, lsn: bigint, tsUs: number, ordinal = 0): Promise<LogRecord> {
    const [record] = await this.#records(await this.#table(row.table), row, lsn, tsUs, ordinal);
    if (record === undefined) throw new Error('a row makes a record');
    return record;
  }

  async #records(info: TableInfo, row: TestRow, lsn: bigint, tsUs: number, ordinal: number): Promise<LogRecord[]> {
    await Promise.resolve();
    const { relation, schemaId } = info;
    const identity = relation.columns.filter(({ key }) => key).map(({ name }) => name);
    const filled: Row = { tenant_id: tenant, ...row.row };
    const key = Buffer.from(
      `${row.table}/${row.op === 't' ? '' : identity.map((name) => String(filled[name])).join('/')}`,
    );
    const keyOnly: Row = Object.fromEntries(identity.map((name) => [name, filled[name] ?? null]));
    const gone = row.op === 'd';
    const value = encodeChange(relation, schemaId, {
      lsn,
      ordinal,
      op: row.op,
      txid: Number(lsn),
      tsUs,
      before: gone ? keyOnly : null,
      after: gone || row.op === 't' ? null : filled,
    });
    const position = Buffer.alloc(12);
    position.writeBigUInt64BE(lsn, 0);
    position.writeUInt32BE(ordinal, 8);
    return gone
      ? [
          { key, value },
          { key, value: null, headers: [[TOMBSTONE_POSITION_HEADER, position]] },
        ]
      : [{ key, value }];
  }

  async #table(table: string): Promise<TableInfo> {
    const known = this.#tables.get(table);
    if (known !== undefined) return known;
    const { topic, aggregateColumn, relation } = this.#describe(table);
    const schemaId = await this.#registry.register(this.#prefix + topic, envelopeSchema(relation));
    const info = { topic, aggregateColumn, relation, schemaId };
    this.#tables.set(table, info);
    return info;
  }

  #describe(table: string): Omit<TableInfo, 'schemaId'> {
    const declared = this.#declared.find((candidate) => candidate.table === table);
    if (declared !== undefined) {
      const { topic, key } = declared;
      return { topic, aggregateColumn: key[0] ?? '', relation: relationOf(declared) };
    }
    const captured = capturedTables.find((candidate) => candidate.table === table);
    if (captured === undefined) throw new Error(`no captured table ${table}: declare it`);
    return { ...captured, relation: shopRelation(table) };
  }
}

const typeOids = { text: 25, int: 23, long: 20, boolean: 16, double: 701, timestamp: 1184 } as const;

function relationOf({ table, key, columns }: TestTable): Relation {
  const keys = key.map((name) => ({ name, typeOid: typeOids[columns[name] ?? 'text'], key: true }));
  const others = Object.entries(columns)
    .filter(([name]) => !key.includes(name))
    .map(([name, type]) => ({ name, typeOid: typeOids[type], key: false }));
  return { schema: SOURCE_SCHEMA, table, columns: [...keys, ...others] };
}

const topicsWith = (tables: readonly TestTable[]): CdcTopic[] => [
  ...new Set([...cdcTopics, ...tables.map(({ topic }) => topic)]),
];
