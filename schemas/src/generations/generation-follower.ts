import { asPlatformError, errorPolicy, isKind } from '@millrace/kernel/errors';
import type { FetchedBatch, LogClient, RecordView } from '@millrace/kernel/log';
import { retry } from '@millrace/kernel/retry';
import type { Logger } from '@millrace/kernel/telemetry';
import { createChangeDecoder } from '../cdc/index.ts';
import type { ChangeDecoder } from '../cdc/index.ts';
import { isWatermarkKey, readWatermark } from '../markers/index.ts';
import type { SchemaRegistry } from '../registry/index.ts';
import type { GenerationRows } from './generation-table.ts';
import { GenerationTable } from './generation-table.ts';

export interface GenerationFollowerOptions {
  readonly log: LogClient;
  readonly registry: SchemaRegistry;
  readonly topicPrefix: string;
  readonly logger: Logger;
  /** The table, first as of the log's end when the following began, then at each commit that changed it. */
  readonly onRows: (rows: GenerationRows) => void;
}

const TOPIC = 'cdc.reference';
const KEY = Buffer.from('view_generations/');
const POLL_MS = 5_000;
const waits = { attempts: Infinity, initialMs: 100, maxMs: 5_000, jitter: 0.3 };

/**
 * Follows `view_generations` through the log: the switch of a view is a commit like any other, and every process sees it at the same position.
 * While the log or the registry does not answer, the last table stands. Errors that waiting cannot mend are thrown: a row that cannot be read
 * must not leave readers in a generation that somebody switched off.
 */
export class GenerationFollower {
  readonly #options: GenerationFollowerOptions;
  readonly #table = new GenerationTable();
  readonly #decoder: ChangeDecoder;
  #next: bigint | null = null;
  #told = false;

  constructor(options: GenerationFollowerOptions) {
    this.#options = options;
    this.#decoder = createChangeDecoder(options.registry);
  }

  async run(stop: AbortSignal): Promise<void> {
    const { logger } = this.#options;
    try {
      await retry(() => this.#follow(stop), {
        ...waits,
        signal: stop,
        retryable: (error) => errorPolicy[asPlatformError(error).kind].disposition === 'retry',
        onRetry: (error, attempt) => {
          const { kind, message } = asPlatformError(error);
          logger.info({ kind, attempt }, `the generations of views cannot be followed for now: ${message}`);
        },
      });
    } catch (error) {
      if (!stop.aborted) throw error;
    }
  }

  async #follow(stop: AbortSignal): Promise<void> {
    const { log, topicPrefix } = this.#options;
    const topic = topicPrefix + TOPIC;
    const [partition] = await log.admin.offsets(topic);
    const end = partition?.end ?? 0n;
    const reader = log.createReader();
    try {
      let next = this.#next ?? partition?.start ?? 0n;
      reader.assign([{ topic, partition: 0, offset: next }]);
      while (!stop.aborted) {
        if (!this.#told && next >= end) this.#tell();
        const batches = await reader.poll(POLL_MS, stop);
        for (const batch of batches) {
          await this.#take(batch);
          next = this.#next = batch.nextOffset;
        }
      }
    } finally {
      await reader.close();
    }
  }

  async #take(batch: FetchedBatch): Promise<void> {
    for (const { key, value } of batch.records) {
      if (key === null || value === null) continue;
      if (isWatermarkKey(key)) {
        if (this.#table.passed(readWatermark(value).lsn) && this.#told) this.#tell();
      } else if (key.subarray(0, KEY.length).equals(KEY)) {
        await this.#change(value);
      }
    }
  }

  async #change(value: NonNullable<RecordView['value']>): Promise<void> {
    try {
      this.#table.add(this.#decoder.decode(value));
    } catch (error) {
      if (!isKind(error, 'schema-unknown')) throw error;
      await this.#decoder.prepare(value);
      this.#table.add(this.#decoder.decode(value));
    }
  }

  #tell(): void {
    this.#told = true;
    this.#options.onRows(this.#table.rows);
  }
}
