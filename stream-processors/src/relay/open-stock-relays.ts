import type { LogClient, LogReader } from '@millrace/kernel/log';
import { STOCK_EVENTS_TOPIC } from '@millrace/schemas/events';
import { barrierRecord, barrierSchema, watermarkRecord, watermarkSchema } from '@millrace/schemas/markers';
import type { SchemaRegistry } from '@millrace/schemas/registry';
import { FIRST_LOG, topicOfLog } from '@millrace/schemas/stores';
import type { ViewCodec } from '@millrace/schemas/views';
import { EventRelay } from './event-relay.ts';
import { stockEvents } from './stock-events.ts';

export interface StockRelaysOptions {
  readonly log: LogClient;
  readonly registry: SchemaRegistry;
  readonly topicPrefix: string;
  /** Those of the inventory's tasks that this process runs. */
  readonly partitions: readonly number[];
  /** Which log of the view is followed; the first where none is given. */
  readonly viewLog?: number;
  /** Of that log's topic. */
  readonly codec: ViewCodec;
  readonly createReader?: () => LogReader;
  readonly now: () => number;
}

/** A log of the inventory's view into `events.inventory`, a relay per partition. */
export async function openStockRelays(options: StockRelaysOptions): Promise<EventRelay[]> {
  const { registry, topicPrefix, partitions, viewLog = FIRST_LOG, ...shared } = options;
  if (partitions.length === 0) return [];
  const topic = topicPrefix + STOCK_EVENTS_TOPIC;
  const event = await stockEvents(registry, topic);
  const barrierId = await registry.register(topic, barrierSchema);
  const watermarkId = await registry.register(topic, watermarkSchema);
  return Promise.all(
    partitions.map((partition) =>
      EventRelay.open({
        ...shared,
        from: { topic: topicPrefix + topicOfLog('inventory', viewLog), partition },
        to: { topic, partition },
        event,
        watermark: (applied) => watermarkRecord(watermarkId, applied),
        barrier: (writer, epoch) => barrierRecord(barrierId, writer, epoch),
      }),
    ),
  );
}
