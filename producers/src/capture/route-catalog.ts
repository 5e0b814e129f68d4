import { PlatformError } from '@millrace/kernel/errors';
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
import { createRoute } from './routes.ts';
import type { Route } from './routes.ts';
import type { SourceTable } from './source-tables.ts';

/** The routes of all relations seen, their schemas registered before first use. */
export class RouteCatalog {
  readonly #registry: SchemaRegistry;
  readonly #topicPrefix: string;
  readonly #partitions: number;
  readonly #topics: readonly DeclaredTopic[];
  readonly #tables: ReadonlyMap<string, SourceTable>;
  readonly #routes = new Map<string, Route>();
  readonly #watermarkIds = new Map<CaptureTopic, number>();
  readonly #outbox: Outbox | null;
  #barrierId = 0;

  private constructor(
    registry: SchemaRegistry,
    topicPrefix: string,
    partitions: number,
    tables: readonly SourceTable[],
    outbox: Outbox | null,
    topics: readonly DeclaredTopic[],
  ) {
    this.#outbox = outbox;
    this.#topics = topics;
    this.#registry = registry;
    this.#topicPrefix = topicPrefix;
    this.#partitions = partitions;
    this.#tables = new Map(tables.map((table) => [nameOf(table.relation), table]));
  }

  /** Registers every schema in use. Throws `schema-incompatible`, `engine-unreachable`. */
  static async open(
    registry: SchemaRegistry,
    topicPrefix: string,
    partitions: number,
    tables: readonly SourceTable[],
    outbox: Outbox | null = null,
    topics: readonly DeclaredTopic[] = shopDeclaration.topics,
  ): Promise<RouteCatalog> {
    const catalog = new RouteCatalog(registry, topicPrefix, partitions, tables, outbox, topics);
    const names = [...topics.map(({ topic }) => topic), ...(outbox === null ? [] : eventTopics)];
    await Promise.all([
      ...names.map((topic) => catalog.#registerMarkers(topic)),
      ...tables.map(({ relation }) => catalog.add(relation)),
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
    return this.#routes.get(fingerprint(relation));
  }

  /** The relation's route, its schema registered if it isn't yet. */
  async route(relation: Relation): Promise<Route> {
    return this.find(relation) ?? (await this.add(relation));
  }

  async add(relation: Relation): Promise<Route> {
    if (this.#outbox?.is(relation) === true) {
      const route = this.#outbox.route(relation);
      this.#routes.set(fingerprint(relation), route);
      return route;
    }
    const source = this.#tables.get(nameOf(relation));
    if (source === undefined) throw new PlatformError('internal', `${nameOf(relation)} is not captured`);
    const { captured, primaryKey } = source;
    const schemaId = await this.#registry.register(this.#topicPrefix + captured.topic, envelopeSchema(relation));
    const partitions = this.partitionCount(captured.topic);
    const route = createRoute(relation, captured, primaryKey, partitions, schemaId);
    this.#routes.set(fingerprint(relation), route);
    return route;
  }

  async #registerMarkers(topic: CaptureTopic): Promise<void> {
    const name = this.#topicPrefix + topic;
    this.#watermarkIds.set(topic, await this.#registry.register(name, watermarkSchema));
    this.#barrierId = await this.#registry.register(name, barrierSchema);
  }
}

/** `schema.table` */
function nameOf({ schema, table }: Relation): string {
  return `${schema}.${table}`;
}

function fingerprint(relation: Relation): string {
  return JSON.stringify(relation);
}
