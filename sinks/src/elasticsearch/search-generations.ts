import { PlatformError } from '@millrace/kernel/errors';
import { createSearchClient } from '@millrace/kernel/search-client';
import type { SearchClient, SearchFlavor } from '@millrace/kernel/search-client';
import { searchAliasFilters, searchNames } from '@millrace/schemas/stores';
import type { GenerationOf, SearchGeneration } from '@millrace/schemas/stores';
import type { Generation, StoreGenerations } from '../port/index.ts';
import { searchError } from './client.ts';
import { ensureIndices } from './schema.ts';

interface Options {
  readonly url: string;
  readonly flavor: SearchFlavor;
  readonly indexPrefix: string;
}

/**
 * One document names the active generation for our own readers; the aliases `products` and `suggestions` follow it for others, both in one
 * step of the server.
 */
export class SearchGenerations implements StoreGenerations {
  readonly #options: Options;
  #client: SearchClient | null = null;

  constructor(options: Options) {
    this.#options = options;
  }

  async open(): Promise<void> {
    await this.close();
    this.#client = createSearchClient(this.#options.url, this.#options.flavor);
  }

  async expose(active: GenerationOf): Promise<void> {
    const { indexPrefix } = this.#options;
    const names = searchNames(indexPrefix, active('catalog'));
    if (this.#client !== null) await ensureIndices(this.#client, names, active('catalog'));
    const everyIndex = `${indexPrefix}products_g*`;
    await this.#attempt('moving the aliases', (client) =>
      client.indices.updateAliases({
        actions: [
          { remove: { index: everyIndex, aliases: [names.productsAlias, names.suggestionsAlias], must_exist: false } },
          { add: { index: names.productsIndex, alias: names.productsAlias, filter: searchAliasFilters.present } },
          { add: { index: names.productsIndex, alias: names.suggestionsAlias, filter: searchAliasFilters.suggested } },
        ],
      }),
    );
    const document: SearchGeneration = { view: 'catalog', generation: active('catalog') };
    await this.#attempt('naming the active generation', (client) =>
      client.index({ index: names.watermarksIndex, id: names.activeId, document }),
    );
  }

  async held(): Promise<readonly Generation[]> {
    const start = `${this.#options.indexPrefix}products_g`;
    const indices = await this.#attempt('listing indices', (client) =>
      client.indices.get({ index: `${start}*`, allow_no_indices: true }),
    );
    return Object.keys(indices)
      .map((index) => /^\d+$/.exec(index.slice(start.length))?.[0])
      .filter((digits) => digits !== undefined)
      .map((digits) => ({ view: 'catalog' as const, generation: Number(digits) }));
  }

  async drop({ generation }: Generation): Promise<void> {
    const names = searchNames(this.#options.indexPrefix, generation);
    await this.#attempt('removing marks', (client) =>
      client.deleteByQuery({
        index: names.watermarksIndex,
        refresh: true,
        conflicts: 'proceed',
        query: { bool: { filter: [{ term: { generation } }], must_not: [{ ids: { values: [names.activeId] } }] } },
      }),
    );
    await this.#attempt(`removing ${names.productsIndex}`, (client) =>
      client.indices.delete({ index: names.productsIndex, ignore_unavailable: true }),
    );
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    await client?.close().catch(() => undefined);
  }

  async #attempt<T>(step: string, run: (client: SearchClient) => Promise<T>): Promise<T> {
    if (this.#client === null) throw new PlatformError('store-unavailable', 'elasticsearch: generations are not open');
    try {
      return await run(this.#client);
    } catch (error) {
      throw searchError(error, step);
    }
  }
}
