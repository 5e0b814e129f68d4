import { asPlatformError } from '@millrace/kernel/errors';
import type { LogClient } from '@millrace/kernel/log';
import { sleep } from '@millrace/kernel/retry';
import type { Logger } from '@millrace/kernel/telemetry';
import type { GenerationRows } from '@millrace/schemas/generations';
import type { LogProcessor } from './view-logs.ts';
import { leftOverTopics } from './view-logs.ts';

export interface LeftOverLogsOptions {
  readonly log: LogClient;
  readonly topicPrefix: string;
  readonly logger: Logger;
  /** Readers and writers may still be in a log this long after the row said that nobody needs it, ms. */
  readonly dropAfterMs?: number;
}

const DROP_AFTER_MS = 10_000;

/**
 * Deletes the topics of logs that no generation holds any more, also those that a killed process left. Every process does it; what one has
 * deleted is gone for the others. What cannot be deleted now is at the next change of the rows, or the next start.
 */
export class LeftOverLogs {
  readonly #options: LeftOverLogsOptions;
  #waiting = new AbortController();

  constructor(options: LeftOverLogsOptions) {
    this.#options = options;
  }

  follow(rows: GenerationRows, kept: readonly LogProcessor[]): void {
    this.close();
    this.#waiting = new AbortController();
    void this.#drop(rows, kept, this.#waiting.signal);
  }

  close(): void {
    this.#waiting.abort();
  }

  async #drop(rows: GenerationRows, kept: readonly LogProcessor[], until: AbortSignal): Promise<void> {
    const { log, topicPrefix, logger, dropAfterMs = DROP_AFTER_MS } = this.#options;
    const leftOver = async (): Promise<string[]> =>
      leftOverTopics(await log.admin.listTopics(), topicPrefix, rows, kept);
    try {
      if ((await leftOver()).length === 0) return;
      await sleep(dropAfterMs, until);
      const topics = await leftOver();
      if (topics.length === 0) return;
      await log.admin.deleteTopics(topics);
      logger.info({ topics }, 'logs that no generation holds any more are deleted');
    } catch (error) {
      if (until.aborted) return;
      const { kind, message } = asPlatformError(error);
      logger.info({ kind }, `logs that nobody needs are not deleted yet: ${message}`);
    }
  }
}
