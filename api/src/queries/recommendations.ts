import { lowestMark } from '@millrace/schemas/stores';
import { partitionOf } from '@millrace/schemas/partition';
import { DEMO_TENANT } from '@millrace/kernel/security';
import type { PositionTokens } from '@millrace/kernel/security';
import { PlatformError } from '@millrace/kernel/errors';
import type { App } from '../app/app-type.ts';
import { described } from '../app/described.ts';
import { IdParams } from '../commands/shapes.ts';
import { QueryHeaders, demandOf, reachedMark, stalenessMs, stateFreshness } from './consistency.ts';
import type { ConsistencyDependencies } from './consistency.ts';

/**
 * What was bought together with a product: the products of the view that can be bought now, best first, as they are shown now. The answer is complete up
 * to the position that both views have reached, the recommendations and the products. There is no second source: `view-behind` where a
 * position is asked for that they do not reach in time.
 */
export function addRecommendations(
  app: App,
  dependencies: ConsistencyDependencies & { readonly positionTokens: PositionTokens },
): void {
  const { views, viewWaiter, positionTokens, partitions } = dependencies;
  const about = {
    summary: 'Products that were bought together with a product, the best first',
    access: 'public',
    tag: 'queries',
  } as const;
  app.get(
    '/api/queries/products/:id/recommendations',
    described(about, { headers: QueryHeaders, params: IdParams }),
    async (request, reply) => {
      const { id } = request.params;
      const tenantId = request.principal?.tenantId ?? DEMO_TENANT;
      const demand = demandOf(request, positionTokens);
      // Marks first: what they promise is in what is read after them.
      const marks = await Promise.all([views.marks('recommendations'), views.marks('catalog')]);
      const reached = await Promise.all([
        reachedMark(viewWaiter, 'recommendations', marks[0], demand, partitionOf(id, partitions)),
        reachedMark(viewWaiter, 'catalog', marks[1], demand),
      ]);
      const { data } = await views.entry('recommendation', id);
      const items = data?.items ?? [];
      const [product, ...others] = await views.entries('product', [id, ...items.map(({ productId }) => productId)]);
      const mark = lowestMark(reached) ?? reached[0];
      stateFreshness(reply, positionTokens, {
        lsn: mark.lsn,
        stalenessMs: stalenessMs(mark, Date.now()),
        source: 'view',
      });
      if (product?.tenantId !== tenantId) throw new PlatformError('not-found', 'There is no product with this id.');
      return {
        productId: id,
        asOf: data?.asOf ?? null,
        items: items.flatMap(({ score, orders }, at) => {
          const other = others[at];
          return other?.tenantId === tenantId && other.status === 'active' ? [{ score, orders, product: other }] : [];
        }),
      };
    },
  );
}
