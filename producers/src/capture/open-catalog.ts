import type { LogClient } from '@millrace/kernel/log';
import type { Logger } from '@millrace/kernel/telemetry';
import type { SchemaRegistry } from '@millrace/schemas/registry';
import { captureStateSpec, eventSpecs, keyedSpecs } from '@millrace/schemas/topics';
import type pg from 'pg';
import type { ProducersConfig } from '../config.ts';
import { openOutbox } from '../outbox/outbox.ts';
import type { OutboxMetrics } from '../outbox/outbox-metrics.ts';
import { tableName } from '../resnapshot/index.ts';
import { parkCause } from '../schema-change/captured-relations.ts';
import { Generations } from '../schema-change/generations.ts';
import { ParkedTables } from '../schema-change/parked-tables.ts';
import { readNotes, slotMemory, stateTopic } from '../slot-care/memory.ts';
import type { SlotMemory } from '../slot-care/memory.ts';
import { RouteCatalog } from './route-catalog.ts';
import { checkTables, tablesRefused } from './source-tables.ts';
import type { SourceTable } from './source-tables.ts';

const WHERE = 'it is parked where that comes in the stream';

export interface CatalogOptions {
  readonly config: ProducersConfig;
  readonly log: LogClient;
  readonly registry: SchemaRegistry;
  readonly logger: Logger;
  readonly metrics: OutboxMetrics;
  readonly sql: pg.Client;
}

export interface Catalog {
  /** Those that are not parked now. */
  readonly tables: () => readonly SourceTable[];
  /** Those that a snapshot of the present takes: whose schema is refused is parked first, since there is no earlier shape of it to go on with. */
  readonly snapshotTables: () => Promise<readonly SourceTable[]>;
  readonly routes: RouteCatalog;
  readonly parked: ParkedTables;
  readonly generations: Generations;
}

/**
 * What is captured: topics made, declared tables checked against the database, schemas registered.
 *
 * Before a first snapshot every problem of a table is refused (`table-not-capturable`, `schema-incompatible`). Afterwards the table is parked, and
 * the others flow: where the stream comes to a schema that is refused; as the stream begins, where its key is another or it is not there. One that
 * was added since is published from now on and read by a re-snapshot.
 */
export async function openCatalog(options: CatalogOptions): Promise<Catalog> {
  const { config, log, registry, logger, sql, metrics } = options;
  const { topicPrefix, partitions, publicationName, captureTables, outboxTable } = config;
  const { tables: declared, topics } = captureTables.declaration;
  const checked = await checkTables(sql, publicationName, declared);
  const outbox = await openOutbox({ config, sql, registry, logger, metrics });
  const { created } = await log.admin.ensureTopics([
    ...topics.flatMap(({ topic, partitions: own }) => keyedSpecs(topic, topicPrefix, own ?? partitions)),
    ...(outboxTable === 'none' ? [] : eventSpecs(topicPrefix, partitions)),
    captureStateSpec(topicPrefix),
  ]);
  if (created.length > 0) logger.info({ created }, 'topics created');

  const state = stateTopic(topicPrefix);
  // Made just now it holds nothing, and may not be there yet for readers.
  const notes = created.includes(state) ? new Map<string, unknown>() : await readNotes(log, state);
  const remembered = slotMemory(notes);
  const runs = remembered?.snapshot === 'complete';
  const parked = new ParkedTables(notes, logger);
  const generations = new Generations(notes);
  const problems = checked.problems.filter(({ table }) => !parked.has(table));
  if (problems.length > 0 && !runs) throw tablesRefused(problems);
  for (const { table, problem } of problems) await parked.park(table, 'missing', problem);
  for (const table of checked.tables) await compareKey(table, remembered, parked);

  const refused = new Map<string, string>();
  const routes = await RouteCatalog.open(registry, topicPrefix, partitions, checked.tables, {
    outbox,
    topics,
    generations,
    onRefused({ relation }, error) {
      if (!runs || parkCause(error) === null) throw error;
      const table = tableName(relation);
      if (parked.has(table)) return;
      refused.set(table, (error as Error).message);
      logger.warn({ table }, `${table} has a schema now that the registry refuses: ${WHERE}`);
    },
  });
  const tables = (): SourceTable[] => routes.tables.filter(({ relation }) => !parked.has(tableName(relation)));
  const snapshotTables = async (): Promise<SourceTable[]> => {
    for (const [table, reason] of refused) await parked.park(table, 'schema', reason);
    return tables();
  };
  return { tables, snapshotTables, routes, parked, generations };
}

/** A table of another key than the log's is parked; one that the log does not have is to be read. */
async function compareKey(
  { relation, primaryKey }: SourceTable,
  remembered: SlotMemory | null,
  parked: ParkedTables,
): Promise<void> {
  if (remembered?.snapshot !== 'complete' || remembered.tables === undefined) return;
  const table = tableName(relation);
  const known = remembered.tables[table];
  if (known === undefined) await parked.added(table);
  else if (known.join('/') !== primaryKey.join('/')) {
    await parked.park(table, 'key', `its primary key was (${known.join(', ')}) and is (${primaryKey.join(', ')})`);
  }
}
