import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase } from '@millrace/database/testing';
import type { TestDatabase } from '@millrace/database/testing';
import { testEngines } from '@millrace/infra-local/testing';
import { loadConfig } from '@millrace/kernel/config';
import type { LogClient } from '@millrace/kernel/log';
import { createKafkaLog } from '@millrace/kernel/log-kafka';
import { lsnFromPostgres } from '@millrace/kernel/position';
import { createMetrics, silentLogger } from '@millrace/kernel/telemetry';
import type { Logger } from '@millrace/kernel/telemetry';
import { createSchemaRegistry } from '@millrace/schemas/registry';
import type { SchemaRegistry } from '@millrace/schemas/registry';
import pg from 'pg';
import { cdcPartitions } from '../capture/partitions.ts';
import { CaptureService } from '../capture/service.ts';
import { settings } from '../config.ts';
import type { ProducersConfig } from '../config.ts';
import { PlainReader } from './plain-reader.ts';

/** A capture that runs in this process. */
export interface RunningCapture {
  readonly service: CaptureService;
  /** Resolves, or rejects, as `run` does. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
  readonly metrics: ReturnType<typeof createMetrics>;
}

export interface StartOptions {
  readonly log?: LogClient;
  readonly logger?: Logger;
  /** Stands above the harness's. */
  readonly config?: Partial<ProducersConfig>;
  readonly waitReady?: boolean;
}

/** One database, slot and topic prefix of its own, on the shared engines, with everything to release at the end. */
export class CaptureHarness {
  readonly database: TestDatabase;
  readonly sql: pg.Client;
  readonly log: LogClient;
  readonly registry: SchemaRegistry;
  readonly environment: Readonly<Record<string, string>>;
  readonly config: ProducersConfig;
  readonly #release: (() => Promise<unknown>)[] = [];

  private constructor(
    database: TestDatabase,
    sql: pg.Client,
    log: LogClient,
    registry: SchemaRegistry,
    environment: Readonly<Record<string, string>>,
  ) {
    this.database = database;
    this.sql = sql;
    this.log = log;
    this.registry = registry;
    this.environment = environment;
    this.config = loadConfig(settings, environment);
  }

  /** @param databaseUrl a migrated database of the test's own, in place of one on the shared Postgres. */
  static async open(databaseUrl?: string, settings: Readonly<Record<string, string>> = {}): Promise<CaptureHarness> {
    const engines = testEngines();
    const database =
      databaseUrl === undefined
        ? await createTestDatabase()
        : { url: databaseUrl, name: new URL(databaseUrl).pathname.slice(1), drop: () => Promise.resolve() };
    const name = `capture_${randomBytes(6).toString('hex')}`;
    const sql = new pg.Client({ connectionString: database.url });
    // Some tests end the server under it.
    sql.on('error', () => undefined);
    await sql.connect();
    // A test may bring a Kafka of its own.
    const kafkaBrokers = settings['KAFKA_BROKERS']?.split(',') ?? engines.kafkaBrokers;
    const log = createKafkaLog({ brokers: kafkaBrokers, clientId: name, logger: silentLogger() });
    return new CaptureHarness(database, sql, log, await createSchemaRegistry(engines.schemaRegistryUrl), {
      DATABASE_URL: database.url,
      KAFKA_BROKERS: kafkaBrokers.join(','),
      SCHEMA_REGISTRY_URL: engines.schemaRegistryUrl,
      TOPIC_PREFIX: `${name}.`,
      SLOT_NAME: name,
      PARTITIONS: '2',
      HEALTH_PORT: '0',
      LOG_LEVEL: 'warn',
      SPOOL_FOLDER: join(tmpdir(), name),
      ...settings,
    });
  }

  /** Starts a capture and waits until it streams, unless told otherwise. */
  async start(options: StartOptions = {}): Promise<RunningCapture> {
    const metrics = createMetrics('producers');
    const service = new CaptureService({
      config: { ...this.config, ...options.config },
      log: options.log ?? this.log,
      registry: this.registry,
      logger: options.logger ?? silentLogger(),
      metrics,
    });
    const controller = new AbortController();
    const ended = service.run(controller.signal);
    let failure: unknown = null;
    ended.catch((error: unknown) => (failure = error));
    const stop = async (): Promise<void> => {
      controller.abort(new Error('stopped by the test'));
      await ended.catch(() => undefined);
    };
    this.#release.push(stop);
    if (options.waitReady !== false) {
      await eventually(() => {
        if (failure !== null) throw failure as Error;
        return service.ready().ready;
      });
    }
    return { service, ended, stop, metrics };
  }

  /** @param config stands above the harness's. */
  reader(config: Partial<ProducersConfig> = {}): PlainReader {
    const { topicPrefix, partitions, captureTables } = { ...this.config, ...config };
    const all = cdcPartitions(topicPrefix, partitions, captureTables.declaration.topics);
    const reader = new PlainReader(this.log, this.registry, all);
    this.#release.push(() => reader.close());
    return reader;
  }

  /** A position at or past everything committed so far. */
  async positionNow(): Promise<bigint> {
    const { rows } = await this.sql.query<{ lsn: string }>('select pg_current_wal_flush_lsn()::text as lsn');
    return lsnFromPostgres(rows[0]?.lsn ?? '') - 1n;
  }

  /** `<name>-1` to `<name>-<count>`, in one transaction. */
  async insertTags(name: string, count: number): Promise<void> {
    await this.sql.query(`insert into commerce.tags (name) select $1 || '-' || n from generate_series(1, $2::int) n`, [
      name,
      count,
    ]);
  }

  /** The names in every change of a tag that a plain reader finds now, in their order. Throws where what it reads breaks a rule. */
  async loggedTags(): Promise<unknown[]> {
    const reader = this.reader();
    await reader.reached(await this.positionNow(), 60_000);
    if (reader.problems.length > 0) throw new Error(reader.problems.join('; '));
    return reader.changes.filter(({ table }) => table === 'tags').map(({ after }) => after?.['name']);
  }

  /** The process of Postgres that streams to the capture; undefined where none does. */
  async walsender(): Promise<number | undefined> {
    const { rows } = await this.sql.query<{ pid: number }>(
      'select active_pid as pid from pg_replication_slots where slot_name = $1 and active',
      [this.config.slotName],
    );
    return rows[0]?.pid;
  }

  async confirmedFlush(): Promise<bigint> {
    const { rows } = await this.sql.query<{ lsn: string }>(
      'select confirmed_flush_lsn::text as lsn from pg_replication_slots where slot_name = $1',
      [this.config.slotName],
    );
    return lsnFromPostgres(rows[0]?.lsn ?? '');
  }

  /**
   * Waits until the capture has told Postgres where it is, `forMs` from now or later: it is alive then, and what it had acknowledged by then is
   * confirmed. It tells once a second or more often.
   */
  async statusTold(forMs = 0): Promise<void> {
    const atMs = Date.now() + forMs;
    await eventually(async () => {
      const { rows } = await this.sql.query<{ told: boolean }>(
        `select reply_time > to_timestamp($2::float8 / 1000) as told
         from pg_stat_replication join pg_replication_slots on active_pid = pid where slot_name = $1`,
        [this.config.slotName, atMs],
      );
      return rows[0]?.told === true;
    }, forMs + 20_000);
  }

  /** Another connection, ended with the harness. */
  async connect(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.database.url });
    await client.connect();
    this.#release.push(() => client.end());
    return client;
  }

  onClose(release: () => Promise<unknown>): void {
    this.#release.push(release);
  }

  async close(): Promise<void> {
    for (const release of this.#release.reverse()) await release();
    const topics = (await this.log.admin.listTopics()).filter((topic) => topic.startsWith(this.config.topicPrefix));
    await this.log.admin.deleteTopics(topics);
    await this.log.close();
    await rm(this.config.spoolFolder, { recursive: true, force: true });
    await this.sql.end();
    await this.database.drop();
  }
}

/** The names that `insertTags` gives. */
export function tagNames(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${name}-${index + 1}`);
}

/** Looks every few ms until it holds. */
export async function eventually(holds: () => boolean | Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadlineMs) throw new Error(`it did not come to hold within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
