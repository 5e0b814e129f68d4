import type { StockEventName, StockStatus } from '@millrace/schemas/views';

/** What a turn from one status to another is called; null where it is none. A first status is no turn. */
export function transitionOf(from: StockStatus | null, to: StockStatus | null): StockEventName | null {
  if (from === null || to === null || from === to) return null;
  if (to === 'out_of_stock') return 'OutOfStock';
  if (from === 'out_of_stock') return 'BackInStock';
  return to === 'low_stock' ? 'LowStock' : null;
}
