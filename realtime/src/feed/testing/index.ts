import type { LogClient, LogRecord, LogWriter } from '@millrace/kernel/log';
import { barrierRecord, watermarkRecord } from '@millrace/schemas/markers';
import { partitionOf } from '@millrace/schemas/partition';
import type { SchemaRegistry } from '@millrace/schemas/registry';
import { exampleOrder, exampleStock } from '@millrace/schemas/testing';
import { topicSpecs, viewTopics } from '@millrace/schemas/topics';
import { createViewCodec } from '@millrace/schemas/views';
import type { ViewCodec, ViewEntry, ViewKind } from '@millrace/schemas/views';

const TENANT = '00000000-0000-7000-8000-000000000001';
const topicOf: Partial<Record<ViewKind, string>> = {
  stock: 'views.inventory',
  order: 'views.orders',
  cart: 'views.carts',
};
type WrittenKind = 'stock' | 'order' | 'cart';

/** Writes view entries as the stream processors do: into the aggregate's partition, a watermark behind them. */
export class ViewWriter {
  readonly #writer: LogWriter;
  readonly #codecs: ReadonlyMap<string, ViewCodec>;
  readonly #prefix: string;
  readonly #partitions: number;
  readonly #suffix: string;

  private constructor(
    writer: LogWriter,
    codecs: ReadonlyMap<string, ViewCodec>,
    prefix: string,
    partitions: number,
    suffix: string,
  ) {
    this.#suffix = suffix;
    this.#writer = writer;
    this.#codecs = codecs;
    this.#prefix = prefix;
    this.#partitions = partitions;
  }

  /** `viewLog`: which log of the views. */
  static async open(
    log: LogClient,
    registry: SchemaRegistry,
    prefix = '',
    partitions = 2,
    viewLog = 1,
  ): Promise<ViewWriter> {
    const suffix = viewLog === 1 ? '' : `.g${viewLog}`;
    const specs = topicSpecs(prefix, partitions).filter(({ topic }) =>
      /^(views\.|cdc\.reference$)/.test(topic.slice(prefix.length)),
    );
    await log.admin.ensureTopics(specs);
    if (viewLog !== 1) {
      await log.admin.ensureTopics(
        specs.flatMap((spec) =>
          viewTopics.some((view) => spec.topic === prefix + view) ? [{ ...spec, topic: spec.topic + suffix }] : [],
        ),
      );
    }
    const codecs = new Map<string, ViewCodec>();
    for (const view of Object.values(topicOf)) {
      codecs.set(view, await createViewCodec(registry, prefix + view + suffix));
    }
    const name = `${prefix}views-test${suffix}`;
    const writer = await log.openWriter({
      name,
      partitions: [...codecs.keys()].flatMap((view) =>
        Array.from({ length: partitions }, (_, partition) => ({ topic: prefix + view + suffix, partition })),
      ),
      barrier: (epoch) => barrierRecord(1, name, epoch),
    });
    return new ViewWriter(writer, codecs, prefix, partitions, suffix);
  }

  /** Where a topic of an aggregate lives. */
  placeOf(kind: WrittenKind, id: string): { topic: string; partition: number } {
    return { topic: this.#prefix + (topicOf[kind] ?? '') + this.#suffix, partition: partitionOf(id, this.#partitions) };
  }

  recordsOf(entry: ViewEntry): LogRecord[] {
    return this.#codecs.get(topicOf[entry.kind] ?? '')?.encode(entry) ?? [];
  }

  async write(entry: ViewEntry): Promise<void> {
    await this.raw(entry.kind as WrittenKind, entry.id, [
      ...this.recordsOf(entry),
      watermarkRecord(1, { lsn: entry.lsn, tsUs: entry.tsUs }),
    ]);
  }

  async watermark(kind: WrittenKind, id: string, lsn: bigint, tsUs: number): Promise<void> {
    await this.raw(kind, id, [watermarkRecord(1, { lsn, tsUs })]);
  }

  async raw(kind: WrittenKind, id: string, records: readonly LogRecord[]): Promise<void> {
    await this.#writer.append([{ ...this.placeOf(kind, id), records }]);
  }

  close(): Promise<void> {
    return this.#writer.close();
  }
}

/** With something in it, left for a day where `abandonedAt` says so. */
export function cartEntry(
  id: string,
  lsn: bigint,
  customerId: string | null,
  abandonedAt: string | null = null,
): ViewEntry {
  const at = '2026-01-01T00:00:00.000000Z';
  const data = {
    ...{ tenantId: TENANT, cartId: id, customerId, status: 'open', units: 2, abandonedAt },
    ...{ items: [{ productId: 'p', variantId: 'p', quantity: 2 }], createdAt: at, lastActivityAt: at },
  };
  return { kind: 'cart', id, lsn, tsUs: 1_700_000_000_000_000, data };
}

/** Deleted where `available` is null. */
export function stockEntry(id: string, lsn: bigint, available: number | null, tsUs = 1_700_000_000_000_000): ViewEntry {
  if (available === null) return { kind: 'stock', id, lsn, tsUs, data: null };
  const status = available > 0 ? 'in_stock' : 'out_of_stock';
  const data = exampleStock({ tenantId: TENANT, productId: id, onHand: available, available, status });
  return { kind: 'stock', id, lsn, tsUs, data };
}

export function orderEntry(
  id: string,
  lsn: bigint,
  customerId: string,
  status = 'pending',
  tsUs = 1_700_000_000_000_000,
): ViewEntry {
  const data = exampleOrder({ tenantId: TENANT, orderId: id, orderNumber: `N-${id}`, customerId, status });
  return { kind: 'order', id, lsn, tsUs, data };
}
