import { PlatformError, isKind } from '@millrace/kernel/errors';
import type { AppendRequest } from '@millrace/kernel/log';
import { isOwnKey } from '@millrace/schemas/markers';

/** Beside the row in its batch: the batch's head, and a watermark. */
const BESIDE_BYTES = 1_024;

/**
 * The log refused an append because a batch is larger than the topic takes. That is one row: the capture cannot leave it out, so it stands still,
 * and this says which table's row it is, and what makes room for it. Any other error as it is.
 */
export function namingTheRow(error: unknown, batches: readonly AppendRequest[]): unknown {
  if (!isKind(error, 'log-record-too-large')) return error;
  let largest = { topic: '', table: '', bytes: 0 };
  for (const { topic, records } of batches) {
    for (const { key, value } of records) {
      const bytes = (key?.length ?? 0) + (value?.length ?? 0);
      if (key === null || isOwnKey(Buffer.from(key)) || bytes <= largest.bytes) continue;
      // The key's values are nobody's business: its table is enough.
      largest = { topic, table: Buffer.from(key).toString().split('/')[0] ?? '', bytes };
    }
  }
  const { topic, table, bytes } = largest;
  return new PlatformError(
    'log-record-too-large',
    `a change of ${table} has ${bytes} bytes, more than ${topic} takes in one batch: set the topic's max.message.bytes to ` +
      `${bytes + BESIDE_BYTES} or more (where it is below, the broker's message.max.bytes and replica.fetch.max.bytes too) and start the ` +
      'producer again; it goes on with this change',
    { cause: error, context: { topic, table, bytes } },
  );
}
