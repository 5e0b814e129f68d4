import { catalogOf } from './catalog.ts';
import { customerRows, joinedAtByCustomer } from './customer-rows.ts';
import { orderDocuments } from './order-documents.ts';
import type { OrderDocument } from './order-documents.ts';
import { productRows } from './product-rows.ts';
import { referenceIds, referenceRows } from './reference-rows.ts';
import type { RowsByTable } from './rows.ts';
import { readSource } from './source.ts';
import type { SourceLine } from './source.ts';

/** The demo shop as what is to be written, in order: first each of `catalog` in a transaction, then each of `orders`. */
export interface DemoShop {
  readonly catalog: readonly RowsByTable[];
  readonly orders: readonly OrderDocument[];
}

const productsPerTransaction = 500;

/** A pure function of the source and the seed: the same rows with the same ids, whenever and wherever it runs. */
export function demoShop(seed: string, lines: readonly SourceLine[] = readSource()): DemoShop {
  const catalog = catalogOf(lines, seed);
  const ids = referenceIds(seed);
  const joined = joinedAtByCustomer(lines);
  const sold = new Map<string, number>();
  for (const line of lines) {
    const key = `${catalog.itemOf(line).variant.variantId}/${line.region}`;
    sold.set(key, (sold.get(key) ?? 0) + line.quantity);
  }
  const products: RowsByTable[] = [];
  for (let at = 0; at < catalog.products.length; at += productsPerTransaction) {
    products.push(productRows(catalog.products.slice(at, at + productsPerTransaction), ids, sold, seed));
  }
  return {
    catalog: [referenceRows(catalog, seed), ...products, customerRows(lines, joined, seed)],
    orders: orderDocuments(lines, { catalog, ids, joined, seed }),
  };
}
