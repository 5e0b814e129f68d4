import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { elasticsearchDownload, searchDownload } from '../downloads/index.ts';
import { isAlive } from '../processes/index.ts';
import { testEngines, testHome } from './engines.ts';

/** File that says where the Elasticsearch of tests is, there only while it runs. */
export const testElasticsearchFile = join(testHome.folder, 'elasticsearch.json');

/** Where tests run it, apart from every other engine, unless `TEST_ELASTICSEARCH_PORT` moves it. */
export const testElasticsearchPort = 29_201;

/** A kind of search server that the contracts are tested on. */
export interface TestSearchServer {
  /** With its version, for names of tests. */
  readonly name: string;
  readonly url: string;
  readonly flavor: 'opensearch' | 'elasticsearch';
  /** False where it does not run: tests on it are counted as skipped, and the run's last lines say why. */
  readonly runs: boolean;
}

/** The local default engine and the real Elasticsearch. @throws Problem when the test engines do not run. */
export function testSearchServers(): readonly TestSearchServer[] {
  const { elasticsearchUrl: openSearchUrl, searchFlavor } = testEngines();
  const elasticsearch = runningElasticsearch();
  return [
    { name: `OpenSearch ${searchDownload.version}`, url: openSearchUrl, flavor: searchFlavor, runs: true },
    {
      name: `Elasticsearch ${elasticsearchDownload.version}`,
      url: elasticsearch ?? `http://127.0.0.1:${testElasticsearchPort}`,
      flavor: 'elasticsearch',
      runs: elasticsearch !== undefined,
    },
  ];
}

/** The part of a search client that `dropTestIndices` uses. */
export interface IndexAdmin {
  readonly indices: {
    get(request: { index: string; allow_no_indices: boolean; expand_wildcards: 'all' }): Promise<object>;
    delete(request: { index: string[] }): Promise<unknown>;
  };
}

/** Deletes the indices of a test by name: Elasticsearch deletes none by a pattern. */
export async function dropTestIndices(client: IndexAdmin, prefix: string): Promise<void> {
  const index = `${prefix}*`;
  const found = Object.keys(await client.indices.get({ index, allow_no_indices: true, expand_wildcards: 'all' }));
  if (found.length > 0) await client.indices.delete({ index: found });
}

function runningElasticsearch(): string | undefined {
  try {
    const file = JSON.parse(readFileSync(testElasticsearchFile, 'utf8')) as { supervisorPid: number; url: string };
    return isAlive(file.supervisorPid) ? file.url : undefined;
  } catch {
    return undefined;
  }
}
