import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from '@fastify/type-provider-typebox';
import type { Static } from '@fastify/type-provider-typebox';
import { PlatformError } from '@millrace/kernel/errors';
import { DEMO_TENANT } from '@millrace/kernel/security';
import type { PositionTokens, TextSigner } from '@millrace/kernel/security';
import { viewHolding } from '@millrace/schemas/stores';
import { principalIn } from '../access/authentication.ts';
import type { Access, App } from '../app/app-type.ts';
import { described } from '../app/described.ts';
import { IdParams, Uuid, closed } from '../commands/shapes.ts';
import { wrongField } from '../problems/wrong-field.ts';
import type { SearchReader } from '../search/search-reader.ts';
import type { ListCursor, ListName, ObjectKind } from '../views/view-store.ts';
import type { WatermarkWaiter } from '../views/watermark-waiter.ts';
import { QueryHeaders, demandOf, reachedMark, readObject, stalenessMs, stateFreshness } from './consistency.ts';
import type { ConsistencyDependencies } from './consistency.ts';
import { cartFor, orderFor, refuseForeignList } from './owner-access.ts';
import { addRecommendations } from './recommendations.ts';
import { SearchQuery, sealCursor, searchRequest } from './search-request.ts';

export interface QueryDependencies extends ConsistencyDependencies {
  readonly search: SearchReader;
  readonly searchWaiter: WatermarkWaiter;
  readonly positionTokens: PositionTokens;
  readonly cursors: TextSigner;
}

/** Marks of the search index are looked up at most this often for searches that wait for nothing. */
const SEARCH_MARKS_MAX_AGE_MS = 100;
const DEFAULT_PAGE = 20;

const cartReaders = ['customer', 'admin', 'support'] as const;
const orderReaders = ['customer', 'vendor', 'admin', 'support'] as const;
const PageQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
    cursor: Type.Optional(Type.String({ maxLength: 500, description: 'nextCursor of the page before' })),
  },
  closed,
);
const OrdersQuery = Type.Object(
  {
    customerId: Type.Optional(Uuid),
    vendorId: Type.Optional(Uuid),
    ...PageQuery.properties,
  },
  closed,
);
const SuggestQuery = Type.Object(
  { q: Type.String({ minLength: 1, maxLength: 100 }), limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 20 })) },
  closed,
);

/** Every query route. Each states the position its answer is complete up to, and its age. */
export function addQueries(app: App, dependencies: QueryDependencies): void {
  addObjects(app, dependencies);
  addRecommendations(app, dependencies);
  addLists(app, dependencies);
  addSearch(app, dependencies);
}

const query = (summary: string, access: Access = 'public') => ({ summary, access, tag: 'queries' }) as const;
const headers = QueryHeaders;

function addObjects(app: App, dependencies: QueryDependencies): void {
  const send = async <K extends ObjectKind>(request: FastifyRequest, reply: FastifyReply, kind: K, id: string) => {
    const fresh = await readObject(dependencies, kind, id, demandOf(request, dependencies.positionTokens));
    stateFreshness(reply, dependencies.positionTokens, fresh);
    if (fresh.data === null || fresh.data.tenantId !== tenantOf(request)) {
      const what = kind === 'order' || kind === 'cart' ? kind : 'product';
      throw new PlatformError('not-found', `There is no ${what} with this id.`);
    }
    return fresh.data;
  };
  const objects = [
    ['product', '/api/queries/products/:id', 'A product with its price, stock, tags and variants'],
    ['stock', '/api/queries/products/:id/inventory', 'The stock of a product, by variant and warehouse'],
    ['price', '/api/queries/products/:id/prices', 'The prices of a product in force, by variant'],
  ] as const;
  for (const [kind, url, summary] of objects) {
    app.get(url, described(query(summary), { headers, params: IdParams }), (request, reply) =>
      send(request, reply, kind, request.params.id),
    );
  }
  for (const url of ['/api/queries/orders/:id', '/api/orders/:id']) {
    const about = query('An order with its lines and timeline', orderReaders);
    app.get(url, described(about, { headers, params: IdParams }), async (request, reply) =>
      orderFor(principalIn(request), await send(request, reply, 'order', request.params.id)),
    );
  }
  app.get(
    '/api/queries/carts/:id',
    described(query('A cart with its lines, and since when it is abandoned', cartReaders), {
      headers,
      params: IdParams,
    }),
    async (request, reply) => cartFor(principalIn(request), await send(request, reply, 'cart', request.params.id)),
  );
}

function addLists(app: App, dependencies: QueryDependencies): void {
  const { views, viewWaiter, positionTokens, cursors } = dependencies;
  const send = async <K extends 'order' | 'product'>(
    request: FastifyRequest,
    reply: FastifyReply,
    list: { readonly name: ListName; readonly id: string; readonly kind: K },
    query: Static<typeof PageQuery>,
  ) => {
    const demand = demandOf(request, positionTokens);
    const place = `${list.name}/${list.id}`;
    const after = query.cursor === undefined ? undefined : openListCursor(cursors, place, query.cursor);
    const read = () => views.page(list.name, list.id, list.kind, query.limit ?? DEFAULT_PAGE, after);
    const first = await read();
    const mark = await reachedMark(viewWaiter, viewHolding(list.kind), first.marks, demand);
    const shown = viewWaiter.markIn(first.marks, 'all');
    const page = shown !== null && shown.lsn >= mark.lsn ? first : await read();
    stateFreshness(reply, positionTokens, {
      lsn: mark.lsn,
      stalenessMs: stalenessMs(mark, Date.now()),
      source: 'view',
    });
    return {
      items: page.entries.filter((entry) => entry.tenantId === tenantOf(request)),
      nextCursor: page.next === null ? null : cursors.sign(JSON.stringify([place, page.next])),
    };
  };
  const orders = async (
    request: FastifyRequest,
    reply: FastifyReply,
    owner: { customerId?: string; vendorId?: string },
    query: Static<typeof PageQuery>,
  ) => {
    const principal = principalIn(request);
    refuseForeignList(principal, owner);
    const list =
      owner.customerId === undefined
        ? ({ name: 'vendorOrders', id: owner.vendorId ?? '', kind: 'order' } as const)
        : ({ name: 'customerOrders', id: owner.customerId, kind: 'order' } as const);
    const page = await send(request, reply, list, query);
    return { ...page, items: page.items.map((order) => orderFor(principal, order)) };
  };

  app.get(
    '/api/queries/categories/:id/children',
    described(query('Active products of a category, newest first'), {
      headers,
      params: IdParams,
      querystring: PageQuery,
    }),
    (request, reply) =>
      send(request, reply, { name: 'categoryChildren', id: request.params.id, kind: 'product' }, request.query),
  );
  app.get(
    '/api/queries/customers/:id/orders',
    described(query('Orders of a customer, newest first', orderReaders), {
      headers,
      params: IdParams,
      querystring: PageQuery,
    }),
    (request, reply) => orders(request, reply, { customerId: request.params.id }, request.query),
  );
  app.get(
    '/api/queries/vendors/:id/orders',
    described(query('Orders with lines of a vendor, newest first', orderReaders), {
      headers,
      params: IdParams,
      querystring: PageQuery,
    }),
    (request, reply) => orders(request, reply, { vendorId: request.params.id }, request.query),
  );
  app.get(
    '/api/orders',
    described(query('One’s own orders; staff say whose', orderReaders), { headers, querystring: OrdersQuery }),
    (request, reply) => {
      const { customerId, vendorId, ...page } = request.query;
      return orders(request, reply, ownerOf(request, customerId, vendorId), page);
    },
  );
}

function addSearch(app: App, dependencies: QueryDependencies): void {
  const { search, searchWaiter, positionTokens, cursors } = dependencies;
  const fresh = async (request: FastifyRequest, reply: FastifyReply) => {
    const demand = demandOf(request, positionTokens);
    const marks = await searchWaiter.recent('catalog', SEARCH_MARKS_MAX_AGE_MS);
    const mark = await reachedMark(searchWaiter, 'catalog', marks, demand);
    stateFreshness(reply, positionTokens, {
      lsn: mark.lsn,
      stalenessMs: stalenessMs(mark, Date.now()),
      source: 'view',
    });
  };
  for (const url of ['/api/queries/products/search', '/api/search']) {
    app.get(url, described(query('Search products'), { headers, querystring: SearchQuery }), async (request, reply) => {
      const asked = searchRequest(request.query, tenantOf(request), cursors);
      await fresh(request, reply);
      const { next, ...found } = await search.search(asked);
      return { ...found, nextCursor: next === null ? null : sealCursor(cursors, asked, next) };
    });
  }
  for (const url of ['/api/queries/suggest', '/api/queries/products/suggest']) {
    const about = query('Names that begin with what is typed');
    app.get(url, described(about, { headers, querystring: SuggestQuery }), async (request, reply) => {
      const { q, limit = 10 } = request.query;
      await fresh(request, reply);
      return { suggestions: await search.suggest(tenantOf(request), q, limit) };
    });
  }
}

function tenantOf(request: FastifyRequest): string {
  return request.principal?.tenantId ?? DEMO_TENANT;
}

function ownerOf(
  request: FastifyRequest,
  customerId: string | undefined,
  vendorId: string | undefined,
): { customerId?: string; vendorId?: string } {
  if (customerId !== undefined) return { customerId: customerId.toLowerCase() };
  if (vendorId !== undefined) return { vendorId: vendorId.toLowerCase() };
  const principal = principalIn(request);
  if (principal.customerId !== undefined) return { customerId: principal.customerId };
  if (principal.vendorId !== undefined) return { vendorId: principal.vendorId };
  throw wrongField('query.customerId', 'or vendorId is required');
}

function openListCursor(signer: TextSigner, place: string, cursor: string): ListCursor {
  const text = signer.open(cursor);
  if (text === null) throw wrongField('query.cursor', 'was not issued here or has been altered');
  const [of, after] = JSON.parse(text) as [string, ListCursor];
  if (of !== place) throw wrongField('query.cursor', 'belongs to another list');
  return after;
}
