import type { OrderView } from '@millrace/schemas/views';

/**
 * An order in its comparable form, as the text that `expected/order.ts` says. Written as it goes, since there are many orders and `JSON.stringify` of an
 * object made for it costs most of what comparing one does.
 */
export function orderText(view: OrderView): string {
  const items = view.items.map(
    ({ itemId, productId, variantId, quantity, unitPrice, totalPrice }) =>
      `${json(itemId)}:[${json(productId)},${json(variantId)},${json(quantity)},${json(unitPrice)},${json(totalPrice)}]`,
  );
  const shipments = view.shipments.map(({ shipmentId, status }) => `${json(shipmentId)}:${json(status)}`);
  const returns = view.returns.map(({ returnId, status }) => `${json(returnId)}:${json(status)}`);
  return (
    `{"orderId":${json(view.orderId)},"customerId":${json(view.customerId)},"orderNumber":${json(view.orderNumber)},` +
    `"status":${json(view.status)},"currency":${json(view.currency)},"subtotal":${json(view.subtotal)},` +
    `"discountAmount":${json(view.discountAmount)},"taxAmount":${json(view.taxAmount)},"shippingAmount":${json(view.shippingAmount)},` +
    `"totalAmount":${json(view.totalAmount)},"placedAt":${json(view.placedAt)},"items":{${inOrder(items)}},` +
    `"statuses":[${view.timeline.map(({ status }) => json(status)).join(',')}],"paidAmount":${json(view.paidAmount)},` +
    `"refundedAmount":${json(view.refundedAmount)},"shipments":{${inOrder(shipments)}},"returns":{${inOrder(returns)}}}`
  );
}

/** A store may hold anything: what is missing is no null, which some fields may be. */
function json(value: string | number | null | undefined): string {
  return value === undefined ? '"(missing)"' : JSON.stringify(value);
}

/** Ids of one length stand before what belongs to them, so these sort as ids do. */
function inOrder(entries: string[]): string {
  return entries.length > 1 ? entries.sort().join(',') : (entries[0] ?? '');
}
