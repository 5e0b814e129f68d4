import type { LogRecord } from '@millrace/kernel/log';
import { MemoryLog } from '@millrace/kernel/log-memory';
import { barrierRecord, barrierSchema, watermarkRecord, watermarkSchema } from '@millrace/schemas/markers';
import { MemoryRegistry } from '@millrace/schemas/registry';
import { topicOfView, viewNames } from '@millrace/schemas/stores';
import type { ViewName } from '@millrace/schemas/stores';
import { createViewCodec } from '@millrace/schemas/views';
import type { ViewEntry } from '@millrace/schemas/views';

const TOPICS_PARTITIONS = 2;

/** The topics of all views in memory, and a writer that appends to them as the processors do. */
export class ViewLog {
  readonly log = new MemoryLog({
    topics: viewNames.flatMap((view) =>
      [topicOfView(view), `${topicOfView(view)}.dlq`].map((topic) => ({ topic, partitions: TOPICS_PARTITIONS })),
    ),
  });
  readonly registry = new MemoryRegistry();

  async append(view: ViewName, partition: number, ...records: readonly LogRecord[]): Promise<void> {
    const topic = topicOfView(view);
    const barrierId = await this.registry.register(topic, barrierSchema);
    const writer = await this.log.openWriter({
      name: `${topic}/${partition}`,
      partitions: [{ topic, partition }],
      barrier: (epoch) => barrierRecord(barrierId, topic, epoch),
    });
    await writer.append([{ topic, partition, records }]);
    await writer.close();
  }

  async entry(view: ViewName, entry: ViewEntry): Promise<readonly LogRecord[]> {
    return (await createViewCodec(this.registry, topicOfView(view))).encode(entry);
  }

  async watermark(view: ViewName, lsn: bigint, tsUs: number): Promise<LogRecord> {
    return watermarkRecord(await this.registry.register(topicOfView(view), watermarkSchema), { lsn, tsUs });
  }

  /** Everything in a partition of a topic, as a reader from its start sees it. */
  async records(
    topic: string,
    partition: number,
  ): Promise<{ key: string; value: string; headers: Record<string, string> }[]> {
    const reader = this.log.createReader();
    reader.assign([{ topic, partition, offset: 0n }]);
    const batches = await reader.poll(0);
    const records = batches.flatMap((batch) =>
      [...batch.records].map(({ key, value, headers = [] }) => ({
        key: key?.toString() ?? '',
        value: value?.toString() ?? '',
        headers: Object.fromEntries(headers.map(([name, bytes]) => [name, bytes.toString()])),
      })),
    );
    await reader.close();
    return records;
  }
}
