import type { SaleDeltaView, SaleReason } from '@millrace/schemas/views';
import { amountText, isoTime } from '../../fields/index.ts';
import type { Sold } from './line.ts';

/** A delta, and what its id ends in. */
export interface Delta {
  readonly suffix: string;
  readonly data: SaleDeltaView;
}

/**
 * From what was told of a line to what it is now. One delta of the difference where it is counted under the same, else two: all of the old taken
 * back (`/back`), all of the new added. None where nothing changed.
 */
export function deltasBetween(
  orderId: string,
  itemId: string,
  before: Sold | undefined,
  now: Sold | null,
  atUs: number,
): readonly Delta[] {
  const of = (sold: Sold, sign: 1 | -1, reason: SaleReason, less?: Sold): SaleDeltaView => {
    const { tenantId, productId, variantId, categoryId, category, vendorId, vendor, customerId, currency } = sold;
    return {
      ...{ tenantId, orderId, itemId, productId, variantId, categoryId, category, vendorId, vendor, customerId },
      ...{ currency, reason },
      lines: sign * (sold.lines - (less?.lines ?? 0)),
      quantity: sign * (sold.quantity - (less?.quantity ?? 0)),
      amount: amountText(sign * (sold.amount - (less?.amount ?? 0))),
      placedAt: isoTime(sold.placedAtUs),
      at: isoTime(atUs),
    };
  };
  const was = before === undefined || before.lines === 0 ? null : before;
  const is = now === null || now.lines === 0 ? null : now;
  if (was === null) return is === null ? [] : [{ suffix: '', data: of(is, 1, 'sold') }];
  if (is === null) return [{ suffix: '', data: of(was, -1, now === null ? 'removed' : 'cancelled') }];
  if (isCountedAlike(was, is)) {
    const isSame = was.quantity === is.quantity && was.amount === is.amount;
    return isSame ? [] : [{ suffix: '', data: of(is, 1, 'changed', was) }];
  }
  return [
    { suffix: '/back', data: of(was, -1, 'changed') },
    { suffix: '', data: of(is, 1, 'changed') },
  ];
}

const countedUnder = [
  ...(['tenantId', 'currency', 'placedAtUs', 'productId', 'variantId', 'customerId'] as const),
  ...(['categoryId', 'category', 'vendorId', 'vendor'] as const),
];

function isCountedAlike(a: Sold, b: Sold): boolean {
  return countedUnder.every((term) => a[term] === b[term]);
}
