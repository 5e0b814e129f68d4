import type { RecordView } from '@millrace/kernel/log';
import type { Change } from '@millrace/schemas/cdc';
import { SOURCE_SCHEMA, capturedTables } from '@millrace/schemas/topics';

/** The capture puts a delete's position here (lsn 8 bytes, ordinal 4, big endian), since compaction may keep a tombstone without its delete. */
export const TOMBSTONE_POSITION_HEADER = 'millrace.position';

/** What follows the aggregate's id in a table's primary key. */
const furtherKeys: Readonly<Record<string, readonly string[]>> = {
  product_variants: ['variant_id'],
  product_images: ['image_id'],
  product_tags: ['tag_id'],
  prices: ['price_id'],
  inventory: ['variant_id', 'warehouse_id'],
  stock_movements: ['movement_id'],
  reservations: ['reservation_id'],
  reviews: ['review_id'],
  order_items: ['item_id'],
  order_status_history: ['history_id'],
  payments: ['payment_id'],
  shipments: ['shipment_id'],
  returns: ['return_id'],
  refunds: ['refund_id'],
  addresses: ['address_id'],
  cart_items: ['product_id', 'variant_id'],
};

/**
 * The delete that a tombstone stands for, from its key and position; null where it says no position. Its commit time is not known (0). Usually
 * the delete itself comes right before and has the same position, so that this one counts as repeated.
 */
export function deleteOfTombstone({ key, headers }: RecordView): Change | null {
  const header = headers?.find(([name]) => name === TOMBSTONE_POSITION_HEADER)?.[1];
  if (header?.length !== 12 || key === null) return null;
  const [table = '', ...values] = key.toString('utf8').split('/');
  const captured = capturedTables.find((candidate) => candidate.table === table);
  if (captured === undefined) return null;
  const columns = [captured.aggregateColumn, ...(furtherKeys[table] ?? [])];
  return {
    op: 'd',
    lsn: header.readBigUInt64BE(0),
    ordinal: header.readUInt32BE(8),
    schema: SOURCE_SCHEMA,
    table,
    txid: 0,
    tsUs: 0,
    snapshot: false,
    before: Object.fromEntries(columns.map((column, at) => [column, values[at] ?? null])),
    after: null,
  };
}
