import { lsnFromText, lsnText } from '@millrace/kernel/position';
import { searchFields, searchNames } from '@millrace/schemas/stores';
import type { CliConfig } from '../config/index.ts';
import type { StoreClients } from '../lag/index.ts';
import { changed } from './leaves.ts';
import { strangeId } from './planter.ts';
import type { Planter, Way } from './planter.ts';

type Product = Record<string, unknown>;

const FIELDS = ['sku', 'name', 'description', 'status', 'categoryPath', 'vendor', 'tagPairs', 'priceMinor'] as const;
const fields: readonly string[] = [...FIELDS, 'currency', 'available', 'inStock', 'ratingCount'];

export function searchPlanter({ search }: StoreClients, config: CliConfig, generation: number): Planter {
  const index = searchNames(config.searchIndexPrefix, generation).productsIndex;
  const read = async (id: string): Promise<Product> => (await search.get<Product>({ index, id }))._source ?? {};
  const change = async (id: string, doc: (product: Product) => Product): Promise<string> => {
    await search.update({ index, id, doc: doc(await read(id)) });
    return id;
  };
  const other = (value: unknown): unknown =>
    Array.isArray(value) ? [...(value as unknown[]), 'planted'] : changed(value);
  let strange = 0;
  return {
    ways: () => [
      {
        name: 'missing',
        kind: 'missing',
        plant: async (id) => ((await search.delete({ index, id })).result === 'deleted' ? id : null),
      },
      {
        name: 'extra',
        kind: 'extra',
        async plant(id) {
          const key = strangeId(++strange);
          const document = { ...(await read(id)), [searchFields.productId]: key };
          await search.index({ index, id: key, document, version: 1, version_type: 'external' });
          return key;
        },
      },
      {
        name: 'position',
        kind: 'different',
        plant: (id) => change(id, ({ position }) => ({ position: lsnText(lsnFromText(String(position)) - 1n) })),
      },
      ...fields.map((field): Way => ({
        name: field,
        kind: 'different',
        plant: (id) => change(id, (product) => ({ [field]: other(product[field]) })),
      })),
    ],
    done: async () => {
      await search.indices.refresh({ index });
    },
  };
}
