import { PlatformError } from '@millrace/kernel/errors';
import type { SearchClient } from '@millrace/kernel/search-client';
import { FIRST_GENERATION, SEARCH_MAPPING_VERSION, searchAliasFilters, searchIndex } from '@millrace/schemas/stores';
import type { SearchNames } from '@millrace/schemas/stores';
import { alreadyExists, searchError } from './client.ts';

const keyword = { type: 'keyword' } as const;

/** The generation's own aliases, and for the first one those of other programs, which `expose` moves later. */
function aliasesOf(names: SearchNames, generation: number) {
  const present = { filter: searchAliasFilters.present };
  const suggested = { filter: searchAliasFilters.suggested };
  return {
    [names.presentAlias]: present,
    [names.suggestedAlias]: suggested,
    ...(generation === FIRST_GENERATION ? { [names.productsAlias]: present, [names.suggestionsAlias]: suggested } : {}),
  };
}

const watermarks = {
  settings: { number_of_shards: 1, auto_expand_replicas: '0-1' },
  mappings: {
    dynamic: 'strict',
    properties: {
      view: keyword,
      generation: { type: 'integer' },
      partition: { type: 'integer' },
      position: keyword,
      committedAt: { type: 'date' },
      offset: keyword,
    },
  },
} as const;

/**
 * Creates what is missing. Answers the mapping version of the generation's index, which may be an earlier one.
 * Throws `store-rejected` where it is a later one than this program knows, or none of ours.
 */
export async function ensureIndices(client: SearchClient, names: SearchNames, generation: number): Promise<number> {
  await create(client, names.productsIndex, { ...searchIndex, aliases: aliasesOf(names, generation) });
  await create(client, names.watermarksIndex, watermarks);
  const answer = await attempt('reading the mapping', () => client.indices.getMapping({ index: names.productsIndex }));
  const version = answer[names.productsIndex]?.mappings._meta?.['mappingVersion'] as unknown;
  if (typeof version !== 'number' || version > SEARCH_MAPPING_VERSION) {
    throw new PlatformError(
      'store-rejected',
      `elasticsearch: index ${names.productsIndex} was made by mapping version ${String(version)}, this program knows those up to ${SEARCH_MAPPING_VERSION}: run the release that made it, or rebuild the view catalog into a new generation with this one`,
    );
  }
  return version;
}

async function create(client: SearchClient, index: string, definition: object): Promise<void> {
  await attempt(`creating index ${index}`, async () => {
    if (await client.indices.exists({ index })) return;
    try {
      await client.indices.create({ index, ...definition });
    } catch (error) {
      if (!alreadyExists(error)) throw error;
    }
  });
}

async function attempt<T>(step: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw searchError(error, step);
  }
}
