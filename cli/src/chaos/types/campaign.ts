import { randomBytes } from 'node:crypto';
import type { Client } from 'pg';
import { connect } from '@millrace/database/connection';
import { PlatformError } from '@millrace/kernel/errors';
import { sleep } from '@millrace/kernel/retry';
import { UNCHANGED, columnKinds, columnText } from '@millrace/schemas/cdc';
import type { Change, ColumnKind } from '@millrace/schemas/cdc';
import { schemaIdOf } from '@millrace/schemas/avro';
import { builtinCodec } from '@millrace/schemas/wire';
import { randomOf } from '../../shop/random.ts';
import type { Random } from '../../shop/random.ts';
import { PlainConsumer, plainDecoder } from '../plain-consumer.ts';
import { openPlace } from '../place.ts';
import type { ChaosEngines } from '../place.ts';
import { ProducerProcess } from '../producer-process.ts';
import { customTypes, generatedTypes } from './values.ts';
import type { GeneratedType } from './values.ts';

export interface TypesOptions {
  readonly engines: ChaosEngines;
  readonly seed: string;
  /** Rows in binary form: of the types for which that is proven. */
  readonly binary?: boolean;
  /** How long to go on with generated values, after those at the limits. */
  readonly seconds: number;
  readonly note: (text: string) => void;
}

export interface TypesReport {
  readonly campaign: 'types';
  readonly seed: string;
  /** How the rows came, as the capture said. */
  readonly wireFormat: string;
  readonly types: number;
  /** Types that this server was built without. */
  readonly leftOut: readonly string[];
  readonly snapshotRows: number;
  readonly streamRows: number;
  readonly values: number;
  readonly differences: readonly TypeDifference[];
  readonly passed: boolean;
}

export interface TypeDifference {
  readonly type: string;
  readonly from: 'snapshot' | 'stream';
  readonly postgres: string | null;
  readonly kafka: string | null;
}

/** The settings under which the capture has Postgres print values; the same here, for the texts to compare with. */
const TEXT_SETTINGS = [
  'TimeZone=UTC',
  'DateStyle=ISO,YMD',
  'IntervalStyle=postgres',
  'extra_float_digits=1',
  'bytea_output=hex',
];
const SNAPSHOT_ROWS = 120;
const BATCH_ROWS = 40;
const NULL_SHARE = 0.06;
const MOST_DIFFERENCES = 50;
const WAIT_MS = 60_000;

type Texts = readonly (string | null)[];

/**
 * Every type, its values at the limits and generated ones, through a producer of its own into Kafka and back: each value, written as text by
 * `columnText`, must be the text that Postgres prints, from the snapshot and from the stream alike.
 */
export async function typesCampaign(options: TypesOptions): Promise<TypesReport> {
  const place = await openPlace(options.engines, `types_${randomBytes(5).toString('hex')}`);
  const sql = await connect({
    connectionString: place.databaseUrl,
    options: TEXT_SETTINGS.map((setting) => `-c ${setting}`).join(' '),
    // Texts as Postgres prints them, whatever their type.
    types: { getTypeParser: () => (text: string | Buffer) => text.toString() },
  });
  const random = randomOf('types', options.seed);
  let producer: ProducerProcess | null = null;
  let consumer: PlainConsumer | null = null;
  try {
    const { types, leftOut } = await makeColumns(sql, options.binary ?? false);
    const table = new TypedTable(sql, types);
    const edges = Math.max(...types.map((type) => type.edges.length));
    await table.insert(Array.from({ length: edges }, (_, at) => types.map((type) => type.edges[at] ?? null)));
    await table.insert(generated(types, random, SNAPSHOT_ROWS));
    const inSnapshot = await table.newRows();

    producer = new ProducerProcess(place.environment);
    const wireFormat = await streaming(producer);
    const received = new Map<string, Texts>();
    const decode = plainDecoder(place.registry);
    const kinds = new Map<number, ReadonlyMap<string, ColumnKind>>();
    consumer = new PlainConsumer(place.log, async ({ value, key }) => {
      if (value === null || !key.startsWith('tags/')) return;
      const change = await decode(value);
      const id = schemaIdOf(value);
      const held = kinds.get(id) ?? columnKinds(await place.registry.schema(id));
      kinds.set(id, held);
      received.set(key.slice('tags/'.length), textsOf(change, held, types.length));
    });
    consumer.start((await place.partitions()).filter(({ topic }) => topic === `${place.topicPrefix}cdc.reference`));

    const differences: TypeDifference[] = [];
    const compare = async (rows: ReadonlyMap<string, Texts>, from: TypeDifference['from']): Promise<void> => {
      await arrival(rows, received, consumer);
      for (const [key, expected] of rows) {
        differences.push(...differencesOf(types, from, expected, received.get(key) ?? []));
        received.delete(key);
      }
    };
    await compare(inSnapshot, 'snapshot');
    options.note(`${inSnapshot.size} rows of ${types.length} types came with the snapshot`);
    // The same rows once more, so that each value comes both ways.
    await table.repeat();
    const repeated = await table.newRows();
    await compare(repeated, 'stream');
    let streamRows = repeated.size;
    const endMs = performance.now() + options.seconds * 1000;
    while (performance.now() < endMs && differences.length < MOST_DIFFERENCES) {
      await table.insert(generated(types, random, BATCH_ROWS));
      const rows = await table.newRows();
      await compare(rows, 'stream');
      streamRows += rows.size;
    }
    return {
      campaign: 'types',
      seed: options.seed,
      wireFormat,
      types: types.length,
      leftOut,
      snapshotRows: inSnapshot.size,
      streamRows,
      values: (inSnapshot.size + streamRows) * types.length,
      differences: differences.slice(0, MOST_DIFFERENCES),
      passed: differences.length === 0,
    };
  } finally {
    await consumer?.stop().catch(() => undefined);
    await producer?.kill();
    await sql.end();
    await place.close();
  }
}

const nameOf = (index: number): string => `value_${index}`;

async function makeColumns(sql: Client, binary: boolean): Promise<{ types: GeneratedType[]; leftOut: string[] }> {
  for (const statement of customTypes) await sql.query(statement);
  const types: GeneratedType[] = [];
  const leftOut: string[] = [];
  for (const type of generatedTypes) {
    // A server may be built without a type (xml): it has its name, but refuses every value.
    const missing = await sql.query(`select $1::${type.sql}`, [type.edges[0] ?? '']).then(
      () => false,
      (error: unknown) => (error as { code?: string }).code === '0A000',
    );
    if (missing) leftOut.push(type.sql);
    else if (!binary || (await isProven(sql, type))) types.push(type);
  }
  const columns = types.map((type, index) => `add column ${nameOf(index)} ${type.sql}`);
  await sql.query(`alter table commerce.tags ${columns.join(', ')}`);
  return { types, leftOut };
}

/** Whether rows of it may come in binary form: built in and proven, an enum, or a domain over such. */
async function isProven(sql: Client, { sql: name }: GeneratedType): Promise<boolean> {
  const { rows } = await sql.query<{ oid: string; kind: string }>(
    `select (case typtype when 'd' then typbasetype else oid end)::int8::text as oid, typtype::text as kind
     from pg_type where oid = $1::regtype`,
    [name],
  );
  return rows[0]?.kind === 'e' || builtinCodec(Number(rows[0]?.oid)) !== undefined;
}

function generated(types: readonly GeneratedType[], random: Random, rows: number): Texts[] {
  return Array.from({ length: rows }, () =>
    types.map((type) => (random.chance(NULL_SHARE) ? null : type.value(random))),
  );
}

/** A captured table with a column of each type. */
class TypedTable {
  readonly #sql: Client;
  readonly #types: readonly GeneratedType[];
  readonly #columns: string;
  #inserted = 0;
  #read = 0;

  constructor(sql: Client, types: readonly GeneratedType[]) {
    this.#sql = sql;
    this.#types = types;
    this.#columns = types.map((_, index) => nameOf(index)).join(', ');
  }

  /** In one transaction. */
  async insert(rows: readonly Texts[]): Promise<void> {
    const places = this.#types.map((_, index) => `$${index + 2}`).join(', ');
    const text = `insert into commerce.tags (name, ${this.#columns}) values ($1, ${places})`;
    await this.#sql.query('begin');
    for (const row of rows) await this.#sql.query({ name: 'insert', text, values: [this.#nextName(), ...row] });
    await this.#sql.query('commit');
  }

  /** Every row once more. */
  async repeat(): Promise<void> {
    const { rowCount } = await this.#sql.query(
      `insert into commerce.tags (name, ${this.#columns})
       select 'tag ' || ($1::int + row_number() over ()), ${this.#columns} from commerce.tags where name like 'tag %'`,
      [this.#inserted],
    );
    this.#inserted += rowCount ?? 0;
  }

  /** The rows since the last call, by id, as Postgres prints them. */
  async newRows(): Promise<Map<string, Texts>> {
    const { rows } = await this.#sql.query<(string | null)[]>({
      rowMode: 'array',
      text: `select tag_id, ${this.#columns} from commerce.tags
             where name like 'tag %' and substr(name, 5)::int > $1 and substr(name, 5)::int <= $2`,
      values: [this.#read, this.#inserted],
    });
    this.#read = this.#inserted;
    return new Map(rows.map(([id, ...texts]) => [id ?? '', texts]));
  }

  #nextName(): string {
    return `tag ${++this.#inserted}`;
  }
}

function textsOf({ after }: Change, kinds: ReadonlyMap<string, ColumnKind>, count: number): Texts {
  return Array.from({ length: count }, (_, index) => {
    const name = nameOf(index);
    const value = after?.[name] ?? null;
    const kind = kinds.get(name);
    if (kind === undefined || value === UNCHANGED) return '(not in the record)';
    return columnText(kind, value);
  });
}

function differencesOf(
  types: readonly GeneratedType[],
  from: TypeDifference['from'],
  expected: Texts,
  found: Texts,
): TypeDifference[] {
  return types.flatMap(({ sql }, index) => {
    const [postgres, kafka] = [expected[index] ?? null, found[index] ?? null];
    return postgres === kafka ? [] : [{ type: sql, from, postgres, kafka }];
  });
}

/** Answers how rows come. */
async function streaming(producer: ProducerProcess): Promise<string> {
  const deadlineMs = performance.now() + WAIT_MS;
  while (!producer.streaming) {
    if (!producer.running || performance.now() > deadlineMs) {
      throw new PlatformError('internal', `the producer does not stream: ${producer.lastLines.slice(-3).join(' | ')}`);
    }
    await sleep(20);
  }
  const said = producer.lastLines.find((line) => line.includes('"streaming"')) ?? '{}';
  return (JSON.parse(said) as { wireFormat?: string }).wireFormat ?? '';
}

async function arrival(
  rows: ReadonlyMap<string, unknown>,
  received: ReadonlyMap<string, unknown>,
  consumer: PlainConsumer | null,
): Promise<void> {
  const deadlineMs = performance.now() + WAIT_MS;
  const missing = () => [...rows.keys()].filter((key) => !received.has(key)).length;
  while (missing() > 0) {
    consumer?.check();
    if (performance.now() > deadlineMs) throw new PlatformError('internal', `${missing()} rows did not come`);
    await sleep(5);
  }
}
