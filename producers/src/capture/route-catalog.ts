import { PlatformError, isKind } from '@millrace/kernel/errors';
import type { LogRecord } from '@millrace/kernel/log';
import { envelopeSchema } from '@millrace/schemas/cdc';
import type { Relation } from '@millrace/schemas/cdc';
import { barrierRecord, barrierSchema, watermarkSchema } from '@millrace/schemas/markers';
import type { SchemaRegistry } from '@millrace/schemas/registry';
import { eventTopics } from '@millrace/schemas/topics';
import type { CaptureTopic } from '@millrace/schemas/topics';
import { shopDeclaration } from '../declaration/index.ts';
import type { DeclaredTopic } from '../declaration/index.ts';
import type { Outbox } from '../outbox/outbox.ts';
import { Generations } from '../schema-change/generations.ts';
import { createRoute } from './routes.ts';
import type { Route } from './routes.ts';
import type { SourceTable } from './source-tables.ts';

export interface CatalogParts {
  readonly outbox?: Outbox | null;
  /** Without, the shop's. */
  readonly topics?: readonly DeclaredTopic[];
  readonly generations?: Generations;
  /** A table's present schema cannot be registered: it has no route yet, unless this throws. */
  readonly onRefused?: (table: SourceTable, error: unknown) => void;
}

/** The routes of all relations seen, their schemas registered before first use. */
export class RouteCatalog {
  readonly #registry: SchemaRegistry;
  readonly #topicPrefix: string;
  readonly #partitions: number;
  readonly #topics: readonly DeclaredTopic[];
  readonly #tables: Map<string, SourceTable>;
  readonly #routes = new Map<string, Route>();
  readonly #watermarkIds = new Map<CaptureTopic, number>();
  readonly #outbox: Outbox | null;
  readonly #generations: Generations;
  #barrierId = 0;

  private constructor(
    registry: SchemaRegistry,
    topicPrefix: string,
    partitions: number,
    tables: readonly SourceTable[],
    { outbox = null, topics = shopDeclaration.topics, generations = new Generations() }: CatalogParts,
  ) {
    this.#outbox = outbox;
    this.#topics = topics;
    this.#generations = generations;
    this.#registry = registry;
    this.#topicPrefix = topicPrefix;
    this.#partitions = partitions;
    this.#tables = new Map(tables.map((table) => [nameOf(table.relation), table]));
  }

  /** Registers every schema in use; what a table's registration throws is `onRefused`'s, else thrown. Throws `engine-unreachable`. */
  static async open(
    registry: SchemaRegistry,
    topicPrefix: string,
    partitions: number,
    tables: readonly SourceTable[],
    parts: CatalogParts = {},
  ): Promise<RouteCatalog> {
    const catalog = new RouteCatalog(registry, topicPrefix, partitions, tables, parts);
    const names = [...catalog.#topics.map(({ topic }) => topic), ...(catalog.#outbox === null ? [] : eventTopics)];
    await Promise.all([
      ...names.map((topic) => catalog.#registerMarkers(topic)),
      ...tables.map((table) =>
        catalog.add(table.relation).catch((error: unknown) => {
          if (parts.onRefused === undefined) throw error;
          parts.onRefused(table, error);
        }),
      ),
    ]);
    return catalog;
  }

  get tables(): readonly SourceTable[] {
    return [...this.#tables.values()];
  }

  /** Null where none is captured. */
  get outbox(): Outbox | null {
    return this.#outbox;
  }

  watermarkId(topic: CaptureTopic): number {
    const id = this.#watermarkIds.get(topic);
    if (id === undefined) throw new PlatformError('internal', `no watermark schema of ${topic}`);
    return id;
  }

  barrier(writer: string, epoch: number): LogRecord {
    return barrierRecord(this.#barrierId, writer, epoch);
  }

  partitionCount(topic: CaptureTopic): number {
    return this.#topics.find((declared) => declared.topic === topic)?.partitions ?? this.#partitions;
  }

  /** Whether the table is captured at all. */
  captures(relation: Relation): boolean {
    return this.#outbox?.is(relation) === true || this.#tables.has(nameOf(relation));
  }

  /** The relation's route; undefined where its schema is not registered yet: call `add`. */
  find(relation: Relation): Route | undefined {
    return this.#routes.get(fingerprint(relation, this.generation(nameOf(relation))));
  }

  /** Which generation of its record schema a table is in. */
  generation(table: string): number {
    return this.#generations.of(table);
  }

  /** The relation's route, its schema registered if it isn't yet. */
  async route(relation: Relation): Promise<Route> {
    return this.find(relation) ?? (await this.add(relation));
  }

  /** @param generation of the record schema; without, the present one. */
  async add(relation: Relation, generation = this.generation(nameOf(relation))): Promise<Route> {
    if (this.#outbox?.is(relation) === true) {
      const route = this.#outbox.route(relation);
      this.#routes.set(fingerprint(relation, generation), route);
      return route;
    }
    const source = this.#tables.get(nameOf(relation));
    if (source === undefined) throw new PlatformError('internal', `${nameOf(relation)} is not captured`);
    requireSameKey(source, relation);
    return this.#register(source, relation, generation);
  }

  /** Takes a table in, again or anew; where older readers cannot follow its schema, in the next generation of it. */
  async admit(source: SourceTable): Promise<Route> {
    const name = nameOf(source.relation);
    const route = await this.#register(source, source.relation, this.generation(name)).catch(async (error: unknown) => {
      if (!isKind(error, 'schema-incompatible')) throw error;
      await this.#generations.next(name);
      return this.#register(source, source.relation, this.generation(name));
    });
    this.#tables.set(name, source);
    return route;
  }

  async #register({ captured, primaryKey }: SourceTable, relation: Relation, generation: number): Promise<Route> {
    const topic = this.#topicPrefix + captured.topic;
    const schemaId = await this.#registry.register(topic, envelopeSchema(relation, generation));
    const partitions = this.partitionCount(captured.topic);
    const route = createRoute(relation, captured, primaryKey, partitions, schemaId);
    this.#routes.set(fingerprint(relation, generation), route);
    return route;
  }

  async #registerMarkers(topic: CaptureTopic): Promise<void> {
    const name = this.#topicPrefix + topic;
    this.#watermarkIds.set(topic, await this.#registry.register(name, watermarkSchema));
    this.#barrierId = await this.#registry.register(name, barrierSchema);
  }
}

/**
 * Keys and routes are made of the key the table had at the start. Throws `table-not-capturable` where the columns that identify its rows are
 * others now: with the same names in the log, they would be other rows.
 */
function requireSameKey({ relation: known, primaryKey }: SourceTable, relation: Relation): void {
  const [before, now] = [identity(known), identity(relation)];
  const isSame =
    before === null || now === null
      ? primaryKey.every((column) => relation.columns.some(({ name, key }) => key && name === column))
      : before === now;
  if (isSame) return;
  throw new PlatformError('table-not-capturable', `the key columns of ${nameOf(relation)} have changed`);
}

/** The columns of the replica identity; null where it is every column. */
function identity({ columns }: Relation): string | null {
  const keys = columns.filter(({ key }) => key).map(({ name }) => name);
  return keys.length === columns.length ? null : keys.sort().join('/');
}

/** `schema.table` */
function nameOf({ schema, table }: Relation): string {
  return `${schema}.${table}`;
}

function fingerprint(relation: Relation, generation: number): string {
  return JSON.stringify([generation, relation]);
}
