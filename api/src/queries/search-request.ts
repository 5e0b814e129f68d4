import { createHash } from 'node:crypto';
import { Type } from '@fastify/type-provider-typebox';
import type { Static } from '@fastify/type-provider-typebox';
import type { TextSigner } from '@millrace/kernel/security';
import { minorFromAmount } from '@millrace/schemas/stores';
import { closed, oneOf } from '../commands/shapes.ts';
import { wrongField } from '../problems/wrong-field.ts';
import { facetNames } from '../search/facets.ts';
import type { FacetName } from '../search/facets.ts';
import { sorts } from '../search/query.ts';
import type { SearchRequest } from '../search/query.ts';

const Amount = Type.String({ pattern: '^\\d{1,10}(\\.\\d{1,2})?$', examples: ['19.90'] });

export const SearchQuery = Type.Object(
  {
    q: Type.Optional(Type.String({ maxLength: 200, description: 'Words of name and description, a SKU' })),
    tags: Type.Optional(
      Type.String({
        maxLength: 1_000,
        description: 'name:value pairs, separated by commas; all must be there',
        examples: ['color:red'],
      }),
    ),
    category: Type.Optional(
      Type.String({ maxLength: 200, description: 'Id or name; sub-categories are included by name' }),
    ),
    vendor: Type.Optional(Type.String({ maxLength: 200, description: 'Id or name' })),
    price_min: Type.Optional(Amount),
    price_max: Type.Optional(Amount),
    in_stock: Type.Optional(Type.Boolean()),
    facets: Type.Optional(
      Type.String({
        maxLength: 200,
        description: `Any of ${facetNames.join(', ')}, separated by commas; true for all`,
      }),
    ),
    sort: Type.Optional(oneOf(...sorts)),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
    cursor: Type.Optional(Type.String({ maxLength: 2_000, description: 'nextCursor of the page before' })),
    highlight: Type.Optional(Type.Boolean()),
  },
  closed,
);

const DEFAULT_LIMIT = 20;

/** A checked search. Throws `validation-failed` naming the parameter. */
export function searchRequest(query: Static<typeof SearchQuery>, tenantId: string, cursors: TextSigner): SearchRequest {
  const text = query.q?.trim();
  const request = {
    tenantId,
    text: text === '' ? undefined : text,
    tags: tagsIn(query.tags),
    category: query.category,
    vendor: query.vendor,
    priceMinMinor: query.price_min === undefined ? undefined : minorFromAmount(query.price_min),
    priceMaxMinor: query.price_max === undefined ? undefined : minorFromAmount(query.price_max),
    inStock: query.in_stock,
    facets: facetsIn(query.facets),
    sort: query.sort ?? (text === undefined || text === '' ? 'newest' : 'relevance'),
    limit: query.limit ?? DEFAULT_LIMIT,
    highlight: query.highlight ?? false,
  } as const;
  if ((request.priceMinMinor ?? 0) > (request.priceMaxMinor ?? Infinity)) {
    throw wrongField('query.price_min', 'must not be above price_max');
  }
  return { ...request, after: query.cursor === undefined ? undefined : openCursor(cursors, query.cursor, request) };
}

/** The cursor of the page after `next`: signed, and good only for the same question. */
export function sealCursor(signer: TextSigner, request: SearchRequest, next: SearchRequest['after']): string {
  return signer.sign(JSON.stringify([questionHash(request), next]));
}

function openCursor(signer: TextSigner, cursor: string, request: Omit<SearchRequest, 'after'>): SearchRequest['after'] {
  const text = signer.open(cursor);
  if (text === null) throw wrongField('query.cursor', 'was not issued here or has been altered');
  const [hash, after] = JSON.parse(text) as [string, SearchRequest['after']];
  if (hash !== questionHash(request)) throw wrongField('query.cursor', 'belongs to another search');
  return after;
}

/** Of what decides which products come in which order; page size, facets and highlights may change between pages. */
function questionHash(request: Omit<SearchRequest, 'after'>): string {
  const { tenantId, text, tags, category, vendor, priceMinMinor, priceMaxMinor, inStock, sort } = request;
  return createHash('sha256')
    .update(JSON.stringify([tenantId, text, tags, category, vendor, priceMinMinor, priceMaxMinor, inStock, sort]))
    .digest('base64url')
    .slice(0, 16);
}

function tagsIn(text: string | undefined): { name: string; value: string | null }[] {
  const pairs = (text ?? '').split(',').map((pair) => pair.trim());
  return pairs.filter(Boolean).map((pair) => {
    const colon = pair.indexOf(':');
    const name = (colon < 0 ? pair : pair.slice(0, colon)).trim();
    if (name === '') throw wrongField('query.tags', 'must be name:value pairs, separated by commas');
    return { name, value: colon < 0 ? null : pair.slice(colon + 1).trim() };
  });
}

function facetsIn(text: string | undefined): FacetName[] {
  if (text === undefined || text === 'false') return [];
  if (text === 'true') return [...facetNames];
  const wanted = text
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
  return wanted.map((name) => {
    const known = facetNames.find((candidate) => candidate === name);
    if (known === undefined) throw wrongField('query.facets', `knows ${facetNames.join(', ')}`);
    return known;
  });
}
