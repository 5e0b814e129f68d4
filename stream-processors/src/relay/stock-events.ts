import type { LogRecord } from '@millrace/kernel/log';
import { createStockEventEncoder } from '@millrace/schemas/events';
import type { SchemaRegistry } from '@millrace/schemas/registry';
import type { StockEventView, ViewEntry } from '@millrace/schemas/views';

/** The records of `events.inventory`: key is the product, event id the entry's, so that it is the same at every replay. */
export async function stockEvents(
  registry: SchemaRegistry,
  topic: string,
): Promise<(entry: ViewEntry) => LogRecord | null> {
  const encode = await createStockEventEncoder(registry, topic);
  return ({ kind, id, lsn, tsUs, data }) => {
    if (kind !== 'stockevent' || data === null) return null;
    const event = data as StockEventView;
    const position = Buffer.alloc(12);
    position.writeBigUInt64BE(lsn, 0);
    return {
      key: Buffer.from(event.productId),
      value: encode(id, tsUs, event),
      headers: [
        ['event-name', Buffer.from(event.name)],
        ['event-id', Buffer.from(id)],
        ['millrace.position', position],
      ],
    };
  };
}
