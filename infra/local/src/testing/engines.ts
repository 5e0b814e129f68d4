import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EngineAddresses } from '../engines/index.ts';
import { isAlive, Problem } from '../processes/index.ts';
import { homeOf } from '../paths/index.ts';

/** The engines that tests share. */
export type TestEngines = EngineAddresses;

/** Home folder of the shared test engines. */
export const testHome = homeOf('.millrace/test', '.millrace/downloads');

/** File that says where they are, there only while they run. */
export const testEnginesFile = join(testHome.folder, 'engines.json');

/**
 * Addresses of the running test engines.
 * @throws Problem when they do not run, with the command that starts them.
 */
export function testEngines(): TestEngines {
  const how = '`npm test` starts them for a whole run, `npm run test:engines` keeps them up while you work';
  let text: string;
  try {
    text = readFileSync(testEnginesFile, 'utf8');
  } catch {
    throw new Problem(`The test engines do not run: ${how}.`);
  }
  const { supervisorPid, ...addresses } = JSON.parse(text) as TestEngines & { supervisorPid?: number };
  if (supervisorPid !== undefined && !isAlive(supervisorPid)) throw new Problem(`The test engines have died: ${how}.`);
  return addresses;
}

/** Where tests run their engines: fixed, and apart from those of `npm start`. */
export const testAddresses: TestEngines = {
  databaseUrl: 'postgres://millrace:millrace@127.0.0.1:25432/millrace',
  kafkaBrokers: ['127.0.0.1:29092'],
  schemaRegistryUrl: 'http://127.0.0.1:28081',
  elasticsearchUrl: 'http://127.0.0.1:29200',
  searchFlavor: 'opensearch',
  redisUrl: 'redis://127.0.0.1:26379',
  clickhouseUrl: 'http://127.0.0.1:28123',
};
