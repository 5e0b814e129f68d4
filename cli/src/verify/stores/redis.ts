import { PlatformError } from '@millrace/kernel/errors';
import { lsnFromText } from '@millrace/kernel/position';
import { redisAnswers, scanRedis } from '@millrace/kernel/redis-client';
import type { RedisCommand } from '@millrace/kernel/redis-client';
import { redisNames } from '@millrace/schemas/stores';
import type { GenerationOf, ViewName } from '@millrace/schemas/stores';
import type { ViewData } from '@millrace/schemas/views';
import type { CliConfig } from '../../config/index.ts';
import type { StoreClients } from '../../lag/store-clients.ts';
import { appliedByAll, redisMarks } from '../../lag/watermarks.ts';
import {
  comparableCart,
  comparableOrder,
  comparablePrice,
  comparableProduct,
  comparableRecommendation,
  comparableStock,
} from '../comparable.ts';
import { digestOf } from '../digest.ts';
import type { DocumentKind } from '../expected/expected.ts';
import { jsonbText } from '../jsonb-text.ts';
import { orderText } from '../order-text.ts';
import type { HeldDigest, HeldDocument, StoreView } from '../store-view.ts';

type Comparable = Record<string, unknown>;

interface RedisDocuments {
  readonly view: ViewName;
  readonly kind: DocumentKind;
  readonly comparable: (data: never) => Comparable;
  /** The text that `expected/` says, where it is not the comparable document's own. */
  readonly text?: (data: never) => string;
}

const kinds: readonly RedisDocuments[] = [
  {
    view: 'catalog',
    kind: 'product',
    comparable: (data: ViewData['product']) => comparableProduct(data),
    text: (data: ViewData['product']) => {
      const document = comparableProduct(data);
      return JSON.stringify({ ...document, attributes: jsonbText(document['attributes']) });
    },
  },
  { view: 'inventory', kind: 'stock', comparable: (data: ViewData['stock']) => comparableStock(data) },
  { view: 'pricing', kind: 'price', comparable: (data: ViewData['price']) => comparablePrice(data) },
  { view: 'orders', kind: 'order', comparable: (data: ViewData['order']) => comparableOrder(data), text: orderText },
  { view: 'carts', kind: 'cart', comparable: (data: ViewData['cart']) => comparableCart(data) },
  {
    view: 'recommendations',
    kind: 'recommendation',
    comparable: (data: ViewData['recommendation']) => comparableRecommendation(data),
  },
];

/** Keys asked for in one round trip: so few that their documents are gone before the next ones are there. */
const AT_ONCE = 200;

export function redisStoreViews(clients: StoreClients, config: CliConfig, generationOf: GenerationOf): StoreView[] {
  const { redis } = clients;
  const names = redisNames(config.redisKeyPrefix, generationOf);
  return kinds.map(({ view, kind, comparable, text = (data: never) => JSON.stringify(comparable(data)) }) => {
    const keyOf = (id: string): string => {
      const key = names.entry(kind, id);
      if (key === null) throw new PlatformError('internal', `Redis holds no ${kind}`);
      return key;
    };
    /** What it holds of the ids, in their order. */
    const held = async (ids: readonly string[]): Promise<{ id: string; position: string; data: never }[]> => {
      const answers = await redisAnswers(
        redis,
        ids.map((id): RedisCommand => ['hmget', keyOf(id), 'position', 'data']),
      );
      return answers.flatMap((value, index) => {
        const [position, data] = value as [string | null, string | null];
        const id = ids[index];
        if (id === undefined || position === null || data === null) return [];
        return [{ id, position, data: JSON.parse(data) as never }];
      });
    };
    return {
      view,
      store: 'redis',
      kind,
      expected: (document) => document,
      isRanged: false,
      applied: async () => appliedByAll(await redisMarks(clients, config, generationOf), view, config.partitions),
      generation: () => Promise.resolve(generationOf(view)),
      async fetch(ids) {
        const documents = await held(ids);
        return new Map(
          documents.map(({ id, position, data }): [string, HeldDocument] => [
            id,
            { position: lsnFromText(position), document: comparable(data) },
          ]),
        );
      },
      async digests(_range, ids) {
        const digests: HeldDigest[] = [];
        let asked = held(ids.slice(0, AT_ONCE));
        for (let start = AT_ONCE; start < ids.length + AT_ONCE; start += AT_ONCE) {
          const documents = await asked;
          // The next ones come while these are looked at.
          asked = held(ids.slice(start, start + AT_ONCE));
          asked.catch(() => undefined);
          for (const { id, position, data } of documents) digests.push({ id, position, digest: digestOf(text(data)) });
        }
        return digests;
      },
      async *ids() {
        const prefix = keyOf('');
        const pattern = `${prefix.replace(/[*?[\]\\]/g, '\\$&')}*`;
        for await (const keys of scanRedis(redis, pattern, 2_000)) {
          const ids = keys.map((key) => key.slice(prefix.length)).filter((id) => !id.includes(':'));
          if (ids.length > 0) yield ids;
        }
      },
    };
  });
}
