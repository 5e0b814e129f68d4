import { randomBytes } from 'node:crypto';
import { afterAll, describe, expect, jest, test } from '@jest/globals';
import { testEngines, testSearchServers } from '@millrace/infra-local/testing';
import type { TestSearchServer } from '@millrace/infra-local/testing';
import { loadConfig } from '@millrace/kernel/config';
import { cliSettings } from '../config/index.ts';
import type { CliConfig } from '../config/index.ts';
import { clearStores } from './clear-stores.ts';
import { openStoreClients } from './store-clients.ts';

jest.setTimeout(60_000);

for (const server of testSearchServers()) {
  (server.runs ? describe : describe.skip)(`with ${server.name}`, () => {
    /** The one's name begins the other's: a prefix ends where it ends. */
    const name = `clear${randomBytes(4).toString('hex')}`;
    const mine = configOf(name, server);
    const others = configOf(`${name}x`, server);
    afterAll(() => clearStores(others));

    test('the stores lose what goes by these names, and nothing else', async () => {
      for (const config of [mine, others]) await fill(config);
      expect(await held(mine)).toEqual({ keys: 3, indices: 1, databases: 1 });
      await clearStores(mine);
      expect(await held(mine)).toEqual({ keys: 0, indices: 0, databases: 0 });
      expect(await held(others)).toEqual({ keys: 3, indices: 1, databases: 1 });
      await clearStores(mine);
    });
  });
}

function configOf(own: string, { url, flavor }: TestSearchServer): CliConfig {
  const engines = testEngines();
  return loadConfig(cliSettings, {
    ELASTICSEARCH_URL: url,
    SEARCH_FLAVOR: flavor,
    REDIS_URL: engines.redisUrl,
    CLICKHOUSE_URL: engines.clickhouseUrl,
    REDIS_KEY_PREFIX: `${own}:`,
    SEARCH_INDEX_PREFIX: `${own}-`,
    CLICKHOUSE_DATABASE: own,
  });
}

async function fill(config: CliConfig): Promise<void> {
  await inDefault(config, async ({ redis, search, clickhouse }) => {
    for (const key of ['a', 'b', 'c']) await redis.set(`${config.redisKeyPrefix}${key}`, '1');
    await search.indices.create({ index: `${config.searchIndexPrefix}products` });
    await clickhouse.command({
      query: 'create database {name:Identifier}',
      query_params: { name: config.clickhouseDatabase },
    });
  });
}

async function held(config: CliConfig): Promise<{ keys: number; indices: number; databases: number }> {
  return inDefault(config, async ({ redis, search, clickhouse }) => {
    const keys = await redis.exists(...['a', 'b', 'c'].map((key) => `${config.redisKeyPrefix}${key}`));
    const indices = await search.indices.exists({ index: `${config.searchIndexPrefix}products` });
    const databases = await clickhouse.query({
      query: 'select name from system.databases where name = {name:String}',
      query_params: { name: config.clickhouseDatabase },
      format: 'JSONEachRow',
    });
    return { keys, indices: Number(indices), databases: (await databases.json()).length };
  });
}

async function inDefault<T>(
  config: CliConfig,
  use: (clients: Awaited<ReturnType<typeof openStoreClients>>) => Promise<T>,
): Promise<T> {
  const clients = await openStoreClients({ ...config, clickhouseDatabase: 'default' });
  try {
    return await use(clients);
  } finally {
    await clients.close();
  }
}
