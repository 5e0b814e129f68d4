import { PlatformError } from '@millrace/kernel/errors';
import { paced } from './latency.ts';

/** What readers of the catalog met. */
export interface Reads {
  readonly reads: number;
  /** Answers that were no 200, or none at all. */
  readonly failed: number;
  /** Another product than the one asked for, or a search that misses more than a tenth of the products. */
  readonly halfFilled: number;
}

interface SearchAnswer {
  readonly total: number;
  readonly items?: readonly { readonly productId?: string }[];
}

const PAGE = 100;
const SEARCH_EVERY = 10;
const SLICE_SECONDS = 1;

/** Reads products and searches at a steady rate over the API until the signal aborts: nine products to one search. */
export async function readCatalog(apiUrl: string, perSecond: number, signal: AbortSignal): Promise<Reads> {
  const found = { reads: 0, failed: 0, halfFilled: 0 };
  const ask = async <T>(path: string): Promise<T | null> => {
    found.reads++;
    const answer = await fetch(`${apiUrl}/api/queries/products${path}`).catch(() => null);
    if (answer?.status === 200) return (await answer.json()) as T;
    await answer?.body?.cancel();
    found.failed++;
    return null;
  };
  const first = await ask<SearchAnswer>(`/search?limit=${PAGE}`);
  const ids = (first?.items ?? []).flatMap(({ productId }) => (productId === undefined ? [] : [productId]));
  if (first === null || ids.length === 0) {
    throw new PlatformError('config-invalid', `the API at ${apiUrl} finds no products: load the shop first`);
  }
  const step = async (index: number): Promise<void> => {
    if (index % SEARCH_EVERY === 0) {
      const answer = await ask<SearchAnswer>('/search?limit=1');
      if (answer !== null && answer.total < first.total * 0.9) found.halfFilled++;
      return;
    }
    const id = ids[index % ids.length] ?? '';
    const product = await ask<{ productId?: string }>(`/${id}`);
    if (product !== null && product.productId !== id) found.halfFilled++;
  };
  while (!signal.aborted) await paced(perSecond, SLICE_SECONDS, step);
  return found;
}
