import { PlatformError } from '@millrace/kernel/errors';
import type { ViewName } from '@millrace/schemas/stores';
import type { ReplayScope } from '@millrace/schemas/views';
import { Signal } from './signal.ts';

/** Which entries of a view's log the store is given again. */
export interface ReplayRequest extends ReplayScope {
  readonly view: ViewName;
  /** Entries a second at most; null for as fast as the store takes them beside the live ones. */
  readonly rate: number | null;
}

export interface ReplayStatus {
  readonly view: ViewName;
  readonly state: 'running' | 'done' | 'cancelled';
  /** Records of the log that were looked at, and how many there are. */
  readonly read: number;
  readonly records: number;
  /** Entries that the store was given. It keeps those that it holds no newer one of. */
  readonly given: number;
  readonly startedAt: string;
  readonly etaSeconds: number | null;
}

/** One replay of one sink: outlives the sink's sessions, not its process. */
export class Replay {
  readonly request: ReplayRequest;
  /** By `<topic>/<partition>`, where reading goes on. */
  readonly offsets = new Map<string, bigint>();
  readonly #startedMs: number;
  #state: ReplayStatus['state'] = 'running';
  records = 0;
  read = 0;
  given = 0;

  constructor(request: ReplayRequest, nowMs: number) {
    this.request = request;
    this.#startedMs = nowMs;
  }

  get isOver(): boolean {
    return this.#state !== 'running';
  }

  end(state: 'done' | 'cancelled'): void {
    if (!this.isOver) this.#state = state;
  }

  status(nowMs: number): ReplayStatus {
    const { read, records, given } = this;
    const left = Math.max(0, records - read);
    const eta = read === 0 ? null : Math.round(((nowMs - this.#startedMs) / 1000) * (left / read));
    return {
      view: this.request.view,
      state: this.#state,
      ...{ read, records, given },
      startedAt: new Date(this.#startedMs).toISOString(),
      etaSeconds: this.isOver ? null : eta,
    };
  }
}

/** The replay that a sink is asked for, one at a time; the last one is remembered. */
export class Replays {
  #last: Replay | null = null;
  readonly #asked = new Signal();

  get last(): Replay | null {
    return this.#last;
  }

  /** @throws PlatformError `conflict` while another goes on. */
  ask(request: ReplayRequest, nowMs: number): void {
    if (this.#last?.isOver === false)
      throw new PlatformError(
        'conflict',
        `a replay of ${this.#last.request.view} goes on: cancel it, or wait for its end`,
      );
    this.#last = new Replay(request, nowMs);
    this.#asked.notify();
  }

  cancel(): void {
    this.#last?.end('cancelled');
  }

  /** The one that goes on, once there is one; null when `stop` aborts. One waiter at a time. */
  async next(stop: AbortSignal): Promise<Replay | null> {
    const wake = (): void => this.#asked.notify();
    stop.addEventListener('abort', wake, { once: true });
    try {
      while (!stop.aborted) {
        if (this.#last?.isOver === false) return this.#last;
        await this.#asked.wait();
      }
      return null;
    } finally {
      stop.removeEventListener('abort', wake);
    }
  }
}
