import { PlatformError } from '@millrace/kernel/errors';
import { lsnFromText } from '@millrace/kernel/position';
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
import type { DocumentKind } from '../expected.ts';
import type { HeldDocument, StoreView } from '../store-view.ts';

type Comparable = Record<string, unknown>;

const kinds: readonly { view: ViewName; kind: DocumentKind; comparable: (data: never) => Comparable }[] = [
  { view: 'catalog', kind: 'product', comparable: (data: ViewData['product']) => comparableProduct(data) },
  { view: 'inventory', kind: 'stock', comparable: (data: ViewData['stock']) => comparableStock(data) },
  { view: 'pricing', kind: 'price', comparable: (data: ViewData['price']) => comparablePrice(data) },
  { view: 'orders', kind: 'order', comparable: (data: ViewData['order']) => comparableOrder(data) },
  { view: 'carts', kind: 'cart', comparable: (data: ViewData['cart']) => comparableCart(data) },
  {
    view: 'recommendations',
    kind: 'recommendation',
    comparable: (data: ViewData['recommendation']) => comparableRecommendation(data),
  },
];

export function redisStoreViews(clients: StoreClients, config: CliConfig, generationOf: GenerationOf): StoreView[] {
  const names = redisNames(config.redisKeyPrefix, generationOf);
  return kinds.map(({ view, kind, comparable }) => {
    const keyOf = (id: string): string => {
      const key = names.entry(kind, id);
      if (key === null) throw new PlatformError('internal', `Redis holds no ${kind}`);
      return key;
    };
    return {
      view,
      store: 'redis',
      kind,
      expected: (document) => document,
      applied: async () => appliedByAll(await redisMarks(clients, config, generationOf), view, config.partitions),
      async fetch(ids) {
        const pipeline = clients.redis.pipeline();
        for (const id of ids) pipeline.hmget(keyOf(id), 'position', 'data');
        const answers = (await pipeline.exec()) ?? [];
        const held = new Map<string, HeldDocument>();
        for (const [index, [error, value]] of answers.entries()) {
          if (error !== null) throw error;
          const [position, data] = value as [string | null, string | null];
          const id = ids[index];
          if (id === undefined || position === null || data === null) continue;
          held.set(id, { position: lsnFromText(position), document: comparable(JSON.parse(data) as never) });
        }
        return held;
      },
      async *ids() {
        const prefix = keyOf('');
        const pattern = `${prefix.replace(/[*?[\]\\]/g, '\\$&')}*`;
        let cursor = '0';
        do {
          const [next, keys] = await clients.redis.scan(cursor, 'MATCH', pattern, 'COUNT', 2000);
          cursor = next;
          const ids = keys.map((key) => key.slice(prefix.length)).filter((id) => !id.includes(':'));
          if (ids.length > 0) yield ids;
        } while (cursor !== '0');
      },
    };
  });
}
