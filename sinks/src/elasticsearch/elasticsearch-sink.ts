import { PlatformError } from '@millrace/kernel/errors';
import { createSearchClient } from '@millrace/kernel/search-client';
import type { SearchClient, SearchFlavor } from '@millrace/kernel/search-client';
import { FIRST_GENERATION, SEARCH_MAPPING_VERSION, searchNames } from '@millrace/schemas/stores';
import type { PartitionMark, SearchNames, SearchWatermark, ViewName } from '@millrace/schemas/stores';
import { isKind, markOf, newestEntries, sinkName } from '../port/index.ts';
import type { Refusal, Sink, SinkBatch, SinkObserver } from '../port/index.ts';
import { sendBulk } from './bulk.ts';
import { searchError } from './client.ts';
import { markFromDocument, productOperation, watermarkOperation } from './encoding.ts';
import { Publisher } from './publisher.ts';
import { ensureIndices } from './schema.ts';

export interface ElasticsearchSinkOptions {
  readonly url: string;
  readonly flavor: SearchFlavor;
  readonly indexPrefix: string;
  readonly generation?: number;
  /** Least ms between two refreshes. Default 400. */
  readonly refreshIntervalMs?: number;
}

interface Opened {
  readonly client: SearchClient;
  readonly observer: SinkObserver;
  readonly publisher: Publisher;
  readonly mappingVersion: number;
}

const MOST_PARTITIONS = 10_000;

/**
 * The catalog view as a search index: one document per product, versions compared by the server (`external_gte`), deletes kept as documents
 * that the aliases hide. `write` resolves when the documents are durable; marks follow after the next refresh.
 */
export class ElasticsearchSink implements Sink {
  readonly name: string;
  readonly views: readonly ViewName[] = ['catalog'];
  readonly #options: ElasticsearchSinkOptions;
  readonly #generation: number;
  readonly #names: SearchNames;
  #opened: Opened | null = null;

  constructor(options: ElasticsearchSinkOptions) {
    this.#options = options;
    this.#generation = options.generation ?? FIRST_GENERATION;
    this.#names = searchNames(options.indexPrefix, this.#generation);
    this.name = sinkName('elasticsearch', this.#generation);
  }

  get advice(): string | null {
    const { mappingVersion = SEARCH_MAPPING_VERSION } = this.#opened ?? {};
    if (mappingVersion === SEARCH_MAPPING_VERSION) return null;
    return `index ${this.#names.productsIndex} is of mapping version ${mappingVersion}, and fed what it can hold; \`millrace rebuild catalog\` makes one of version ${SEARCH_MAPPING_VERSION}`;
  }

  async open(observer: SinkObserver): Promise<void> {
    await this.close();
    const client = createSearchClient(this.#options.url, this.#options.flavor);
    const publisher = new Publisher(this.#options.refreshIntervalMs ?? 400, {
      refresh: () => this.#refresh(client, this.#names.productsIndex),
      storeMarks: (marks) => this.#storeMarks(client, marks),
      published: observer.applied,
      failed: observer.failed,
    });
    // Closed with the sink, also where the rest of this fails.
    this.#opened = { client, observer, publisher, mappingVersion: SEARCH_MAPPING_VERSION };
    const mappingVersion = await ensureIndices(client, this.#names, this.#generation);
    this.#opened = { client, observer, publisher, mappingVersion };
    // What an earlier process wrote without coming to its refresh becomes findable before any mark of ours.
    await this.#refresh(client, this.#names.productsIndex);
  }

  async positions(): Promise<readonly PartitionMark[]> {
    const { client } = this.#reach();
    const index = this.#names.watermarksIndex;
    await this.#refresh(client, index);
    try {
      const { hits } = await client.search<SearchWatermark>({
        index,
        size: MOST_PARTITIONS,
        query: { bool: { filter: [{ term: { generation: this.#generation } }, { exists: { field: 'partition' } }] } },
      });
      const marks = hits.hits.flatMap(({ _source }) => (_source === undefined ? [] : [markFromDocument(_source)]));
      return marks.filter(({ view }) => this.views.includes(view));
    } catch (error) {
      throw searchError(error, 'reading the watermarks');
    }
  }

  async write(batches: readonly SinkBatch[]): Promise<void> {
    const { client, observer, publisher, mappingVersion } = this.#reach();
    const products = newestEntries(batches).filter((entry) => isKind(entry, 'product'));
    const operations = products.map((entry) => productOperation(this.#names, entry, mappingVersion));
    const refused = await sendBulk(client, operations);
    const refusals = refused.flatMap(({ index, error }): Refusal[] => {
      const entry = products[index];
      return entry === undefined ? [] : [{ entry, error }];
    });
    if (refusals.length > 0) await observer.refused(refusals);
    publisher.add(batches.map(markOf), operations.length > 0);
  }

  async flush(): Promise<void> {
    await this.#reach().publisher.flush();
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = null;
    opened?.publisher.close();
    await opened?.client.close().catch(() => undefined);
  }

  async #storeMarks(client: SearchClient, marks: readonly PartitionMark[]): Promise<void> {
    const operations = marks.map((mark) => watermarkOperation(this.#names, this.#generation, mark));
    const [refused] = await sendBulk(client, operations);
    if (refused !== undefined) throw refused.error;
  }

  #reach(): Opened {
    if (this.#opened === null) throw new PlatformError('store-unavailable', 'elasticsearch: the sink is not open');
    return this.#opened;
  }

  async #refresh(client: SearchClient, index: string): Promise<void> {
    try {
      await client.indices.refresh({ index });
    } catch (error) {
      throw searchError(error, `refreshing ${index}`);
    }
  }
}
