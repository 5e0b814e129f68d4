import { isKind } from '@millrace/kernel/errors';
import type { Relation } from '@millrace/schemas/cdc';
import type pg from 'pg';
import type { ProducersConfig } from '../config.ts';
import { sqlState } from '../replication/connect.ts';
import { TEXT_FORMAT, UnprovenColumn, chooseWireFormat, textBecauseOf } from '../wire-format/index.ts';
import type { WireFormat } from '../wire-format/index.ts';

/** What this process asks Postgres for beyond the plain stream. What one stream failed at is not asked for again until the next start. */
export class StreamDemands {
  readonly #config: Pick<ProducersConfig, 'streamInProgress' | 'wireFormat'>;
  #noParts: 'the spool is full' | 'Postgres failed on a transaction in progress' | null = null;
  #unproven: string | null = null;
  #format: WireFormat = TEXT_FORMAT;

  constructor(config: Pick<ProducersConfig, 'streamInProgress' | 'wireFormat'>) {
    this.#config = config;
  }

  /** Whether large transactions are to be sent before their end. */
  get streamInProgress(): boolean {
    return this.#config.streamInProgress === 'on' && this.#noParts === null;
  }

  /** `on`, or `off` and why. */
  get streamInProgressText(): string {
    if (this.#noParts !== null) return `off: ${this.#noParts}`;
    return this.#config.streamInProgress;
  }

  /** How rows come: `binary`, or `text` and why. */
  get wireFormatText(): string {
    return this.#format.said;
  }

  /** For the next stream, of these relations. */
  async wireFormat(sql: pg.Client, relations: readonly Relation[]): Promise<WireFormat> {
    if (this.#config.wireFormat === 'text') this.#format = TEXT_FORMAT;
    else if (this.#unproven !== null) this.#format = textBecauseOf(this.#unproven);
    else this.#format = await chooseWireFormat(sql, relations);
    return this.#format;
  }

  /** Gives up what a stream failed at and says so, where another stream can go on without it; null where it cannot. */
  giveUp(error: unknown): string | null {
    if (error instanceof UnprovenColumn && this.#unproven === null) {
      this.#unproven = error.column;
      return `rows come as text from here on: the binary form of ${error.column} is not proven`;
    }
    if (!this.streamInProgress) return null;
    if (isKind(error, 'spool-full')) this.#noParts = 'the spool is full';
    else if (isInternalError(error)) this.#noParts = 'Postgres failed on a transaction in progress';
    else return null;
    return `streaming of transactions in progress is ${this.streamInProgressText}; until the next start Postgres keeps them itself`;
  }
}

/**
 * An error of class XX. Postgres decodes a transaction in progress by catalogs that it may have overwritten since: a table altered, the alteration
 * rolled back, and altered again in one transaction ("could not map filenumber"). Once that transaction has ended it can be decoded.
 */
function isInternalError(error: unknown): boolean {
  return sqlState(error).startsWith('XX');
}
