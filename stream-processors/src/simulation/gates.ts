import { PlatformError, asPlatformError } from '@millrace/kernel/errors';
import type {
  AppendRequest,
  FetchedBatch,
  LogClient,
  LogReader,
  LogWriter,
  OpenWriterOptions,
} from '@millrace/kernel/log';
import type { MemoryLog } from '@millrace/kernel/log-memory';
import type { SnapshotDisk } from '../runtime/index.ts';

export type OperationKind = 'open' | 'append' | 'poll' | 'disk';

/** How an operation that waits at its gate goes on. */
export type Fate =
  | 'done'
  /** It takes effect, and whoever asked is never told. */
  | 'unanswered'
  /** It takes effect, and whoever asked is told that nobody knows. */
  | 'answer-lost'
  /** It does not take effect, and whoever asked is told that nobody knows. */
  | 'failed';

/** Something that a client of the log has asked for and that has not happened yet. */
export interface Operation {
  readonly kind: OperationKind;
  /** Whose it is; all that one asks for is one list. */
  readonly client: SimulatedClient;
  readonly settle: (fate: Fate) => void;
  /** A read that nobody waits for any more: done as soon as the schedule comes to it. */
  readonly isAborted: () => boolean;
}

export interface ClientOptions {
  /** Most bytes of a read, so that what arrives at once is little. */
  readonly readBytes: number;
  /** Writers of other clients are not fenced: to show that the simulation notices. */
  readonly unfenced: boolean;
  /** Some records are passed over in silence, to the same end. */
  readonly losesRecords?: boolean;
}

let clients = 0;
/** One batch in so many. */
const LOST = 3;

/**
 * A client of an in-memory log, of which nothing happens by itself: every opening, append and read waits in `operations` until the schedule says how
 * it goes on. Appends and openings are settled in the order in which they were asked for, as on one connection.
 */
export class SimulatedClient implements LogClient {
  readonly admin: LogClient['admin'];
  readonly operations: Operation[] = [];
  readonly #log: MemoryLog;
  readonly #options: ClientOptions;
  readonly #name = `client-${++clients}`;
  #batches = 0;

  constructor(log: MemoryLog, options: ClientOptions) {
    this.#log = log;
    this.#options = options;
    this.admin = log.admin;
  }

  openWriter(options: OpenWriterOptions): Promise<LogWriter> {
    const name = this.#options.unfenced ? `${options.name}#${this.#name}` : options.name;
    return this.#gate('open', async () => this.#writer(await this.#log.openWriter({ ...options, name })));
  }

  createReader(): LogReader {
    const reader = this.#log.createReader({ maxBytes: this.#options.readBytes });
    return {
      assign: (requests) => reader.assign(requests),
      unassign: (partitions) => reader.unassign(partitions),
      pause: (partitions) => reader.pause(partitions),
      resume: (partitions) => reader.resume(partitions),
      poll: (_, signal) => this.#gate('poll', () => this.#passed(reader.poll(0)), signal),
      close: () => reader.close(),
    };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** A disk whose writing waits at the gates too. */
  disk(disk: SnapshotDisk): SnapshotDisk {
    return {
      list: (task) => disk.list(task),
      open: (task, name) => disk.open(task, name),
      create: async (task) => {
        const draft = await this.#gate('disk', () => disk.create(task));
        return {
          write: (bytes) => this.#gate('disk', () => draft.write(bytes)),
          publish: (name, keep) => this.#gate('disk', () => draft.publish(name, keep)),
          discard: () => draft.discard(),
        };
      },
    };
  }

  #passed(polled: Promise<readonly FetchedBatch[]>): Promise<readonly FetchedBatch[]> {
    if (this.#options.losesRecords !== true) return polled;
    const passed = (batch: FetchedBatch): FetchedBatch =>
      ++this.#batches % LOST === 0 ? { ...batch, records: [] } : batch;
    return polled.then((batches) => batches.map(passed));
  }

  #writer(inner: LogWriter): LogWriter {
    let broken: PlatformError | null = null;
    return {
      epoch: inner.epoch,
      ends: inner.ends,
      append: (batches: readonly AppendRequest[]) =>
        this.#gate('append', () => {
          if (broken !== null) throw broken;
          return inner.append(batches);
        }).catch((error: unknown) => {
          // What follows in flight leaves a gap in the sequence, and is refused.
          broken ??= error as PlatformError;
          throw error;
        }),
      close: () => inner.close(),
    };
  }

  #gate<T>(kind: OperationKind, act: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (fate: Fate): void => {
        const at = this.operations.indexOf(operation);
        if (at === -1) return;
        this.operations.splice(at, 1);
        const unknown = (): void => reject(new PlatformError('log-unknown-outcome', `simulated: ${kind} ${fate}`));
        if (fate === 'failed') {
          unknown();
          return;
        }
        let done: Promise<T>;
        try {
          done = act();
        } catch (error) {
          done = Promise.reject(asPlatformError(error));
        }
        done.then(
          (value) => {
            if (fate === 'done') resolve(value);
            else if (fate === 'answer-lost') unknown();
          },
          (error: unknown) => {
            if (fate !== 'unanswered') reject(asPlatformError(error));
          },
        );
      };
      const operation: Operation = { kind, client: this, settle, isAborted: () => signal?.aborted === true };
      this.operations.push(operation);
    });
  }
}
