import { asPlatformError, errorPolicy } from '@millrace/kernel/errors';
import type { PlatformError } from '@millrace/kernel/errors';
import { backoffDelayMs } from '@millrace/kernel/retry';
import { createViewCodec } from '@millrace/schemas/views';
import type { ViewCodec } from '@millrace/schemas/views';
import { FIRST_LOG, topicOfLog } from '@millrace/schemas/stores';
import type { ViewName } from '@millrace/schemas/stores';
import type { SchemaRegistry } from '@millrace/schemas/registry';
import { DeadLetters } from './dead-letters.ts';
import type { PartitionStatus } from './progress.ts';
import { Progress } from './progress.ts';
import { Replays } from './replay.ts';
import type { ReplayRequest, ReplayStatus } from './replay.ts';
import { Session } from './session.ts';
import type { Pace, SessionParts } from './session.ts';
import { systemClock } from './clock.ts';
import type { Clock } from './clock.ts';

export interface SinkRunnerOptions extends Pick<
  SessionParts,
  'sink' | 'log' | 'topicPrefix' | 'limits' | 'logger' | 'metrics'
> {
  readonly registry: SchemaRegistry;
  /** Which log of its views the sink follows; the first where none is given. */
  readonly viewLog?: number;
  readonly clock?: Clock;
  readonly pace?: Pace;
}

export interface SinkStatus {
  readonly sink: string;
  readonly state: 'starting' | 'running' | 'waiting' | 'stopped' | 'broken';
  /** Why it waits or is broken. */
  readonly reason?: string;
  /** What an operator should do although nothing is broken. */
  readonly advice?: string;
  readonly partitions: readonly PartitionStatus[];
  /** The last one that was asked for, if any. */
  readonly replay?: ReplayStatus;
}

const backoff = { initialMs: 100, maxMs: 5_000, jitter: 0.3 };

/**
 * Keeps one store up to date, alone: it has its own reader, its own memory and its own waiting, so a slow or dead store delays no other.
 *
 * While the store or the log does not answer it holds nothing, reads nothing and tries again with growing pauses; then it goes on from the
 * positions that the store holds. Errors that waiting cannot mend are thrown, and the process ends.
 */
export class SinkRunner {
  readonly #options: SinkRunnerOptions;
  readonly #clock: Clock;
  readonly #progress = new Progress();
  readonly #replays = new Replays();
  readonly #codecs = new Map<ViewName, ViewCodec>();
  #state: SinkStatus['state'] = 'starting';
  #reason: string | null = null;
  #attempt = 0;

  constructor(options: SinkRunnerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    options.metrics.ageSources.push(() => this.#updateAges());
  }

  get name(): string {
    return this.#options.sink.name;
  }

  /** Resolves after `stop` aborts and what was read is written, or the store does not answer. */
  async run(stop: AbortSignal): Promise<void> {
    try {
      while (!stop.aborted) {
        try {
          await this.#session(stop);
        } catch (error) {
          const problem = asPlatformError(error);
          if (errorPolicy[problem.kind].disposition !== 'retry') throw problem;
          await this.#wait(problem, stop);
        }
      }
    } finally {
      this.#state = 'stopped';
    }
  }

  get views(): readonly ViewName[] {
    return this.#options.sink.views;
  }

  /**
   * Has the store given again what matches, beside the live entries: it keeps those that it holds no newer one of. Goes on over losses of the
   * store or the log, not over the end of the process.
   * @throws PlatformError `conflict` while another goes on.
   */
  replay(request: ReplayRequest): void {
    this.#replays.ask(request, this.#clock.now());
  }

  cancelReplay(): void {
    this.#replays.cancel();
  }

  status(): SinkStatus {
    const replay = this.#replays.last;
    const { advice = null } = this.#options.sink;
    return {
      sink: this.name,
      state: this.#state,
      ...(this.#reason === null ? {} : { reason: this.#reason }),
      ...(advice === null ? {} : { advice }),
      partitions: this.#progress.status(this.#clock.now()),
      ...(replay === null ? {} : { replay: replay.status(this.#clock.now()) }),
    };
  }

  /** Of the view's least fresh partition; null where nothing is applied yet. */
  ageMs(view: ViewName): number | null {
    return this.#progress.ageMs(view, this.#clock.now());
  }

  #updateAges(): void {
    const { sink, metrics } = this.#options;
    if (this.#state === 'stopped') return;
    for (const view of sink.views) {
      const ageMs = this.ageMs(view);
      if (ageMs !== null) metrics.ageSeconds.set({ sink: sink.name, view }, ageMs / 1000);
    }
  }

  async #session(stop: AbortSignal): Promise<void> {
    const { sink, log, registry } = this.#options;
    const deadLetters = new DeadLetters(log, registry, sink.name);
    const session = new Session({
      ...this.#options,
      viewLog: this.#options.viewLog ?? FIRST_LOG,
      clock: this.#clock,
      progress: this.#progress,
      replays: this.#replays,
      deadLetters,
      codec: (view) => this.#codec(view),
      alive: () => this.#alive(),
    });
    try {
      await session.run(stop);
    } finally {
      await deadLetters.close();
    }
  }

  #alive(): void {
    const { sink, logger } = this.#options;
    if (this.#state === 'waiting') logger.info({ sink: this.name }, `${this.name} goes on`);
    if (this.#state === 'starting' && typeof sink.advice === 'string') {
      logger.warn({ sink: this.name }, `${this.name}: ${sink.advice}`);
    }
    this.#state = 'running';
    this.#reason = null;
    this.#attempt = 0;
  }

  async #wait(problem: PlatformError, stop: AbortSignal): Promise<void> {
    const { logger, metrics } = this.#options;
    this.#state = 'waiting';
    this.#reason = problem.message;
    this.#attempt += 1;
    const delayMs = Math.round(backoffDelayMs(this.#attempt, backoff));
    const facts = { sink: this.name, kind: problem.kind, attempt: this.#attempt, delayMs };
    const message = `${this.name} waits: ${problem.message}`;
    if (this.#attempt < 3) logger.info(facts, message);
    else logger.warn(facts, message);
    metrics.waits.inc({ sink: this.name, kind: problem.kind });
    await this.#clock.wait(delayMs, stop);
  }

  async #codec(view: ViewName): Promise<ViewCodec> {
    const { registry, topicPrefix, viewLog = FIRST_LOG } = this.#options;
    const known = this.#codecs.get(view);
    if (known !== undefined) return known;
    const codec = await createViewCodec(registry, topicPrefix + topicOfLog(view, viewLog));
    this.#codecs.set(view, codec);
    return codec;
  }
}
