import type pg from 'pg';
import type { StoreName } from '../../lag/index.ts';
import { DIGEST_LENGTH } from '../digest.ts';
import { cart } from './cart.ts';
import type { ExpectedKind } from './kind.ts';
import { order } from './order.ts';
import { price } from './price.ts';
import { product } from './product.ts';
import { recommendation } from './recommendation.ts';
import { sale } from './sale.ts';
import { ofIds, ofRange } from './scopes.ts';
import type { IdRange } from './scopes.ts';
import { session } from './session.ts';
import { stock } from './stock.ts';

const kinds = { product, stock, price, order, sale, cart, recommendation, session } satisfies Record<
  string,
  ExpectedKind
>;
export type DocumentKind = keyof typeof kinds;
export type Documents = Map<string, Record<string, unknown>>;

/** What the tables say of a range of documents, in the order of their ids. */
export interface ExpectedDigests {
  readonly ids: readonly string[];
  /** For each store, in the order of the ids: the digest of what it must hold; null where it holds nothing of the document. */
  readonly digests: ReadonlyMap<StoreName, readonly (string | null)[]>;
}

const kindOf = (kind: DocumentKind): ExpectedKind => kinds[kind];

/** @param at the stream time that the view has reached: prices begin and end without any row changing. */
export async function expectedDocuments(
  client: pg.Client,
  kind: DocumentKind,
  ids: readonly string[],
  at: Date,
): Promise<Documents> {
  const scope = ofIds(ids.filter(isDocumentId), at);
  const { rows, document } = kindOf(kind);
  const found = await client.query<{ id: string; document: string }>({
    text: `select r.id::text as id, ${document} as document from (${rows(scope)}) r`,
    values: [...scope.values],
  });
  return new Map(found.rows.map((row) => [row.id, JSON.parse(row.document) as Record<string, unknown>]));
}

const ID_LENGTH = 36;
const NOTHING = '-'.repeat(DIGEST_LENGTH);

/** Digests of what the stores must hold of every id in the range, made by Postgres: one row comes, however many they are. */
export async function expectedDigests(
  client: pg.Client,
  kind: DocumentKind,
  stores: readonly StoreName[],
  range: IdRange,
  at: Date,
): Promise<ExpectedDigests> {
  const scope = ofRange(range, at);
  const { table, key, isPartial, rows, texts } = kindOf(kind);
  const known = `select ${key} as id from commerce.${table} where ${scope.within(key)}`;
  const from = isPartial === true ? `(${known}) k left join (${rows(scope)}) r using (id)` : `(${rows(scope)}) r`;
  const digests = stores.map((store, index) => {
    const digest = `case when r.id is not null then left(md5(${texts[store] ?? 'null'}), ${DIGEST_LENGTH}) end`;
    return `string_agg(coalesce(${digest}, '${NOTHING}'), '' order by id) as d${index}`;
  });
  const found = await client.query<Record<string, string | null>>({
    text: `select string_agg(id::text, '' order by id) as ids, ${digests.join(', ')} from ${from}`,
    values: [...scope.values],
  });
  const row = found.rows[0] ?? {};
  return {
    ids: cut(row['ids'], ID_LENGTH),
    digests: new Map(
      stores.map((store, index) => [
        store,
        cut(row[`d${index}`], DIGEST_LENGTH).map((digest) => (digest === NOTHING ? null : digest)),
      ]),
    ),
  };
}

/** Ranges of so many of the table's rows each (or the kind's multiple of it) that together hold every id there can be. */
export async function idRanges(client: pg.Client, kind: DocumentKind, size: number): Promise<IdRange[]> {
  const { table, key, rangeFactor = 1 } = kindOf(kind);
  const { rows } = await client.query<{ id: string }>(
    `select id::text from (select ${key} as id, row_number() over (order by ${key}) as place from commerce.${table}) r
     where place % $1 = 0 order by id`,
    [size * rangeFactor],
  );
  const bounds = [null, ...rows.map(({ id }) => id), null];
  return bounds.slice(1).map((upTo, index) => ({ after: bounds[index] ?? null, upTo }));
}

/** Which of the ids should have a row at the pinned position, and have none. */
export async function unknownIds(client: pg.Client, kind: DocumentKind, ids: readonly string[]): Promise<string[]> {
  const { table, key } = kindOf(kind);
  if (forgetsRows(kind)) return [];
  const { rows } = await client.query<{ id: string }>(
    `select id::text from unnest($1::uuid[]) as held (id) where not exists (select from commerce.${table} where ${key} = held.id)`,
    [ids.filter(isDocumentId)],
  );
  return [...rows.map(({ id }) => id), ...ids.filter((id) => !isDocumentId(id))];
}

/** Whether the tables throw rows away that stores keep what was told of. */
export function forgetsRows(kind: DocumentKind): boolean {
  return kindOf(kind).forgets === true;
}

/** A store may hold what is no id of ours at all: no row is behind it. */
export function isDocumentId(id: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id);
}

/** All ids of the kind at the pinned position, in pages, in id order. */
export async function* expectedIds(client: pg.Client, kind: DocumentKind, pageSize = 1000): AsyncGenerator<string[]> {
  const { table, key } = kindOf(kind);
  let after: string | null = null;
  for (;;) {
    const { rows }: { rows: { id: string }[] } = await client.query<{ id: string }>(
      `select ${key}::text as id from commerce.${table} where ($1::uuid is null or ${key} > $1::uuid)
       group by ${key} order by ${key} limit $2`,
      [after, pageSize],
    );
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows.map((row) => row.id);
    after = last.id;
  }
}

function cut(text: string | null | undefined, length: number): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < (text ?? '').length; at += length) pieces.push((text ?? '').slice(at, at + length));
  return pieces;
}
