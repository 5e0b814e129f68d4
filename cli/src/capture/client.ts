import { controlRequest } from '../control-request.ts';

const ANSWER_MS = 30_000;

/** A re-snapshot, as the producer tells of it. */
export interface Resnapshot {
  readonly id: string;
  readonly state: 'queued' | 'running' | 'done' | 'failed' | 'cancelled';
  readonly phase: 'rows' | 'deletes';
  readonly table: string | null;
  readonly tables: number;
  readonly tablesDone: number;
  readonly rows: number;
  readonly deleted: number;
  readonly etaSeconds: number | null;
  readonly detail: string | null;
  readonly requestedAt: string;
  /** When its progress was noted down last; of one that has ended, when it ended. */
  readonly updatedAt: string;
  readonly request: Readonly<Record<string, unknown>>;
}

/** What to read again: one table, some of one topic, or one topic; of it one aggregate, up to a thousand, or those from one id to another. */
export interface ResnapshotScope {
  readonly table?: string | undefined;
  readonly tables?: readonly string[] | undefined;
  readonly topic?: string | undefined;
  readonly aggregate?: string | undefined;
  readonly aggregates?: readonly string[] | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly deletes?: boolean | undefined;
  /** Most rows a second. */
  readonly rowsPerSecond?: number | undefined;
  /** Asked again with the same purpose, the one that is noted down is answered. */
  readonly purpose?: string | undefined;
}

/** The producer's control port. Throws `engine-unreachable` where no producer answers; what it refuses comes with its own kind. */
export class CaptureClient {
  readonly #url: string;

  constructor(producersUrl: string) {
    this.#url = producersUrl.replace(/\/$/, '');
  }

  status(): Promise<Record<string, unknown>> {
    return this.#ask('/status');
  }

  pause(): Promise<{ paused: boolean }> {
    return this.#control('pause', {});
  }

  /** Goes on with the stream or, where one is named, with a table that is parked. */
  resume(table?: string): Promise<Record<string, unknown>> {
    return this.#control('resume', table === undefined ? {} : { table });
  }

  heal(): Promise<Record<string, unknown>> {
    return this.#control('heal', {});
  }

  resnapshot(scope: ResnapshotScope): Promise<Resnapshot> {
    return this.#control('resnapshot', { ...scope });
  }

  resnapshotState(id: string): Promise<Resnapshot> {
    return this.#control('resnapshot-state', { id });
  }

  cancelResnapshot(id: string): Promise<Resnapshot> {
    return this.#control('resnapshot-cancel', { id });
  }

  /** It rests for so long, if it is at work, and then goes on by itself. */
  hold(id: string, forMs: number): Promise<Resnapshot> {
    return this.#control('resnapshot-hold', { id, forMs });
  }

  async resnapshots(): Promise<readonly Resnapshot[]> {
    return (await this.#control<{ resnapshots: Resnapshot[] }>('resnapshots', {})).resnapshots;
  }

  #control<T>(action: string, body: Record<string, unknown>): Promise<T> {
    return this.#ask(`/control/${action}`, body);
  }

  #ask<T>(path: string, body?: Record<string, unknown>): Promise<T> {
    return controlRequest<T>({
      url: this.#url + path,
      who: 'the producer',
      timeoutMs: ANSWER_MS,
      silence: `no producer answers at ${this.#url} (PRODUCERS_URL).`,
      ...(body === undefined ? {} : { body }),
    });
  }
}
