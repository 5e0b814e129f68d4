import type { ClickHouseClient } from '@clickhouse/client';
import { PlatformError } from '@millrace/kernel/errors';
import { clickhouseGenerationViews, clickhouseNames, viewHolding, viewNames } from '@millrace/schemas/stores';
import type { GenerationOf, GenerationView } from '@millrace/schemas/stores';
import type { Generation, StoreGenerations } from '../port/index.ts';
import { clickhouseError, createClickhouse } from './client.ts';
import { tableStatements } from './schema.ts';
import { tables } from './tables.ts';
import { viewStatements } from './views.ts';

/**
 * Readers see the generations that the `v_*` views name. Each view is replaced in one step; a query that begins while they are replaced may
 * read some views of the former and some of the new generation: both are right, as of near positions.
 */
export class ClickhouseGenerations implements StoreGenerations {
  readonly #options: { readonly url: string; readonly database: string };
  #client: ClickHouseClient | null = null;

  constructor(options: { readonly url: string; readonly database: string }) {
    this.#options = options;
  }

  async open(): Promise<void> {
    await this.close();
    this.#client = createClickhouse(this.#options.url);
  }

  async expose(active: GenerationOf): Promise<void> {
    const names = clickhouseNames(this.#options.database, active);
    await this.#run('creating the database', `CREATE DATABASE IF NOT EXISTS ${names.database}`);
    for (const query of tableStatements(names, viewNames)) await this.#run('creating tables', query);
    for (const query of viewStatements(names, active)) await this.#run('replacing views', query);
  }

  async held(): Promise<readonly Generation[]> {
    const { database } = this.#options;
    let rows: { name: string }[];
    try {
      const result = await this.#reach().query({
        query: 'SELECT name FROM system.tables WHERE database = {database:String}',
        query_params: { database },
        format: 'JSONEachRow',
      });
      rows = await result.json<{ name: string }>();
    } catch (error) {
      throw clickhouseError(error, 'listing tables');
    }
    const found = new Map<string, Generation>();
    for (const { name } of rows) {
      const generation = Number(/_g(\d+)$/.exec(name)?.[1] ?? 0);
      const names = clickhouseNames(database, () => generation);
      const table = tables.find((one) => one.name(names) === `${database}.${name}`);
      if (table === undefined) continue;
      const view = viewHolding(table.kind);
      found.set(`${view}:${generation}`, { view, generation });
    }
    return [...found.values()];
  }

  async drop({ view, generation }: Generation): Promise<void> {
    const { database } = this.#options;
    const { watermarks } = clickhouseNames(database).tables;
    try {
      await this.#reach().command({
        query: `ALTER TABLE ${watermarks} DELETE WHERE view = {view:String} AND generation = {generation:UInt32}`,
        query_params: { view, generation },
        clickhouse_settings: { mutations_sync: '1' },
      });
    } catch (error) {
      throw clickhouseError(error, 'removing marks');
    }
    const names = clickhouseNames(database, () => generation);
    for (const name of Object.keys(clickhouseGenerationViews) as GenerationView[]) {
      if (clickhouseGenerationViews[name] !== view) continue;
      await this.#run('removing a view', `DROP VIEW IF EXISTS ${names.generationView(name)}`);
    }
    for (const table of tables) {
      if (viewHolding(table.kind) !== view) continue;
      await this.#run(
        'removing a table',
        `DROP TABLE IF EXISTS ${table.name(clickhouseNames(database, () => generation))} SYNC`,
      );
    }
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    await client?.close().catch(() => undefined);
  }

  async #run(step: string, query: string): Promise<void> {
    try {
      await this.#reach().command({ query });
    } catch (error) {
      throw clickhouseError(error, step);
    }
  }

  #reach(): ClickHouseClient {
    if (this.#client === null) throw new PlatformError('store-unavailable', 'clickhouse: generations are not open');
    return this.#client;
  }
}
