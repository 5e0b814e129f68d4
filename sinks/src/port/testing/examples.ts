import fc from 'fast-check';
import type { ViewData, ViewEntry, ViewKind } from '@millrace/schemas/views';
import { viewHolding } from '@millrace/schemas/stores';
import type { SinkBatch } from '../sink.ts';
import { orderData, productData, saleData, stockData } from './entries.ts';

const seed = 1;
const one = <T>(arbitrary: fc.Arbitrary<T>): T => {
  const [value] = fc.sample(arbitrary, { seed, numRuns: 1 });
  if (value === undefined) throw new Error('the generator gave nothing');
  return value;
};

export const exampleProduct: ViewData['product'] = { ...one(productData), status: 'active', tags: [] };
export const exampleOrder: ViewData['order'] = { ...one(orderData), items: [], status: 'paid' };
export const exampleStock: ViewData['stock'] = one(stockData);
export const exampleSale: ViewData['sale'] = one(saleData);

/** An entry at a position; its commit was at `lsn` ms after the start of 2026. */
export function entryAt<K extends ViewKind>(kind: K, id: string, lsn: bigint, data: ViewData[K] | null): ViewEntry<K> {
  return { kind, id, lsn, tsUs: (Date.UTC(2026, 0, 1) + Number(lsn)) * 1000, data };
}

/** One batch of one view, applied up to its last entry. */
export function batchWith(...entries: readonly ViewEntry[]): SinkBatch {
  const last = entries.at(-1);
  if (last === undefined) throw new Error('a batch for a test has entries');
  return {
    view: viewHolding(last.kind),
    partition: 0,
    entries,
    applied: { lsn: last.lsn, committedAtMs: Math.floor(last.tsUs / 1000), offset: last.lsn },
  };
}
