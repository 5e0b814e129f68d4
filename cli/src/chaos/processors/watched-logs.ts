import { PlatformError, isKind } from '@millrace/kernel/errors';
import type { LogClient } from '@millrace/kernel/log';
import { sleep } from '@millrace/kernel/retry';
import { createSchemaRegistry } from '@millrace/schemas/registry';
import { partitionCount, viewTopics } from '@millrace/schemas/topics';
import type { ViewTopic } from '@millrace/schemas/topics';
import { createViewCodec } from '@millrace/schemas/views';
import type { ViewCodec, ViewEntry } from '@millrace/schemas/views';
import type { CliConfig } from '../../config/index.ts';
import { PlainConsumer } from '../plain-consumer.ts';
import type { PlainRecord } from '../plain-consumer.ts';
import type { PositionLedger } from './position-ledger.ts';

const EVENTS = 'events.inventory';
const CATCH_UP_MS = 120_000;
const SHOWN = 5;

/** Reads every record of every view's log, and of the events that follow one, as any consumer does; each is to come once. */
export class WatchedLogs {
  readonly #ledger: PositionLedger;
  readonly #codecs: ReadonlyMap<string, ViewCodec>;
  readonly #consumer: PlainConsumer;
  readonly #eventsMade = new Set<string>();
  readonly #eventsTold = new Map<string, number>();
  #records = 0;

  private constructor(log: LogClient, codecs: ReadonlyMap<string, ViewCodec>, ledger: PositionLedger) {
    this.#ledger = ledger;
    this.#codecs = codecs;
    this.#consumer = new PlainConsumer(log, (record) => this.#take(record));
  }

  /** Of a platform without a prefix of its topics. */
  static async open(log: LogClient, config: CliConfig, ledger: PositionLedger): Promise<WatchedLogs> {
    const registry = await createSchemaRegistry(config.schemaRegistryUrl);
    const codecs = new Map<string, ViewCodec>();
    for (const topic of viewTopics) codecs.set(topic, await createViewCodec(registry, topic));
    const watched = new WatchedLogs(log, codecs, ledger);
    const { partitions } = config;
    const of = (topic: string, count: number) =>
      Array.from({ length: count }, (_, partition) => ({ topic, partition }));
    watched.#consumer.start([
      ...viewTopics.flatMap((topic: ViewTopic) => of(topic, partitionCount(topic, partitions))),
      ...of(EVENTS, partitions),
    ]);
    return watched;
  }

  /** Entries and events read so far. */
  get records(): number {
    return this.#records;
  }

  get events(): number {
    return this.#eventsTold.size;
  }

  check(): void {
    this.#consumer.check();
  }

  /** Reads what there is, waits until each event of the view was told, and answers what came not once. */
  async end(): Promise<readonly string[]> {
    const deadlineMs = performance.now() + CATCH_UP_MS;
    await this.#consumer.caughtUp(CATCH_UP_MS);
    while (this.#untold().length > 0 && performance.now() < deadlineMs) {
      await sleep(100);
      this.#consumer.check();
    }
    await this.#consumer.stop();
    const many = [...this.#eventsTold].filter(([, times]) => times > 1);
    const invented = [...this.#eventsTold].filter(([id]) => !this.#eventsMade.has(id));
    return [
      ...this.#untold()
        .slice(0, SHOWN)
        .map((id) => `event ${id} was never told`),
      ...many.slice(0, SHOWN).map(([id, times]) => `event ${id} was told ${times} times`),
      ...invented.slice(0, SHOWN).map(([id]) => `event ${id} is not of the view`),
    ];
  }

  async stop(): Promise<void> {
    await this.#consumer.stop();
  }

  #untold(): string[] {
    return [...this.#eventsMade].filter((id) => !this.#eventsTold.has(id));
  }

  async #take(record: PlainRecord): Promise<void> {
    if (record.value === null) return;
    this.#records++;
    if (record.topic === EVENTS) {
      const id = record.headers.get('event-id') ?? '';
      this.#eventsTold.set(id, (this.#eventsTold.get(id) ?? 0) + 1);
      return;
    }
    const entry = await this.#decoded(record, record.value);
    this.#ledger.take('log', `${record.topic}/${record.partition}`, record.key, entry.lsn);
    if (entry.kind === 'stockevent' && entry.data !== null) this.#eventsMade.add(entry.id);
  }

  async #decoded({ topic, key }: PlainRecord, value: Buffer): Promise<ViewEntry> {
    const codec = this.#codecs.get(topic);
    const decode = (): ViewEntry => {
      const entry = codec?.decode(Buffer.from(key), value);
      if (entry === undefined || entry === null) throw new PlatformError('internal', `${key} of ${topic} is no entry`);
      return entry;
    };
    try {
      return decode();
    } catch (error) {
      if (!isKind(error, 'schema-unknown')) throw error;
      await codec?.prepare(value);
      return decode();
    }
  }
}
