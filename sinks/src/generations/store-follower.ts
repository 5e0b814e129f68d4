import { asPlatformError, errorPolicy } from '@millrace/kernel/errors';
import { backoffDelayMs } from '@millrace/kernel/retry';
import type { Logger } from '@millrace/kernel/telemetry';
import type { ViewName } from '@millrace/schemas/stores';
import type { Sink, StoreGenerations } from '../port/index.ts';
import { systemClock } from '../runner/index.ts';
import type { Clock, Pace, SinkRunner, SinkStatus } from '../runner/index.ts';
import { fillingPace } from './filling-pace.ts';
import { activeOf } from '@millrace/schemas/generations';
import type { GenerationRows } from '@millrace/schemas/generations';
import { isFilling, leftOver, plannedSinks } from './planned-sinks.ts';
import type { PlannedSink } from './planned-sinks.ts';

export interface StoreParts {
  readonly store: string;
  /** The views that the store holds. */
  readonly views: readonly ViewName[];
  readonly createSink: (generation: number, views: readonly ViewName[]) => Sink;
  readonly createRunner: (
    sink: Sink,
    log: number,
    pace: Pace | null,
  ) => Pick<SinkRunner, 'run' | 'status' | 'ageMs' | 'name' | 'views' | 'replay' | 'cancelReplay'>;
  readonly generations: StoreGenerations;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Readers may still be in a generation this long after the row said that nobody needs it, ms. */
  readonly dropAfterMs?: number;
}

interface Running {
  readonly planned: PlannedSink;
  readonly runner: ReturnType<StoreParts['createRunner']>;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

const DROP_AFTER_MS = 5_000;
const backoff = { initialMs: 100, maxMs: 5_000, jitter: 0.3 };

/**
 * One store with all its generations: runs a sink for each that `view_generations` names, shows readers the active ones, and removes what no
 * row names any more, also what a killed process left behind.
 *
 * Guarantees: what readers see is changed only after the sink of it runs here; a generation is removed only when its sink has ended and
 * `dropAfterMs` have passed. A filling that cannot go on (`store-rejected`) is told in the status and leaves the served generations alone;
 * any other error of a sink is thrown.
 */
export class StoreFollower {
  readonly #parts: StoreParts;
  readonly #clock: Clock;
  readonly #running = new Map<string, Running>();
  readonly #broken = new Map<string, string>();
  readonly #failure = new AbortController();
  #rows: GenerationRows | null = null;
  #changed = new AbortController();
  #problem: string | null = null;

  constructor(parts: StoreParts) {
    this.#parts = parts;
    this.#clock = parts.clock ?? systemClock;
  }

  /** The table as it is now. */
  follow(rows: GenerationRows): void {
    this.#rows = rows;
    this.#broken.clear();
    this.#changed.abort();
  }

  status(): SinkStatus[] {
    const { store } = this.#parts;
    const running = [...this.#running.values()].map(({ runner }) => runner.status());
    const broken = [...this.#broken].map(([sink, reason]): SinkStatus => ({
      sink,
      state: 'broken',
      reason,
      partitions: [],
    }));
    if (running.length > 0) return [...running, ...broken];
    const reason = this.#problem ?? 'the generations of its views are not known yet';
    return [{ sink: store, state: 'waiting', reason, partitions: [] }];
  }

  /** The sinks that run now, of all generations. */
  get sinks(): readonly Running['runner'][] {
    return [...this.#running.values()].map(({ runner }) => runner);
  }

  /** Resolves after `stop` aborts and every sink has written what it read. */
  async run(stop: AbortSignal): Promise<void> {
    const end = AbortSignal.any([stop, this.#failure.signal]);
    try {
      while (!end.aborted) {
        this.#changed = new AbortController();
        const until = AbortSignal.any([end, this.#changed.signal]);
        if (this.#rows !== null) await this.#settle(this.#rows, until);
        if (!until.aborted) await new Promise((resolve) => until.addEventListener('abort', resolve, { once: true }));
      }
    } finally {
      await this.#parts.generations.close();
      for (const { stop: ending } of this.#running.values()) ending.abort();
      await Promise.all([...this.#running.values()].map(({ ended }) => ended));
    }
    if (this.#failure.signal.aborted) throw this.#failure.signal.reason;
  }

  /** Does what the rows say; what the store refuses for now is tried again until it is done or the rows are others. */
  async #settle(rows: GenerationRows, until: AbortSignal): Promise<void> {
    await this.#adjust(rows);
    for (let attempt = 1; !until.aborted; attempt++) {
      try {
        await this.#parts.generations.open();
        await this.#parts.generations.expose(activeOf(rows));
        await this.#clean(rows, until);
        this.#problem = null;
        return;
      } catch (error) {
        const problem = asPlatformError(error);
        if (errorPolicy[problem.kind].disposition !== 'retry') throw problem;
        this.#problem = problem.message;
        await this.#clock.wait(backoffDelayMs(attempt, backoff), until);
      } finally {
        await this.#parts.generations.close();
      }
    }
  }

  async #adjust(rows: GenerationRows): Promise<void> {
    const planned = plannedSinks(this.#parts.views, rows);
    const surplus = [...this.#running.values()].filter(
      ({ planned: { key } }) => !planned.some((one) => one.key === key),
    );
    for (const { stop } of surplus) stop.abort();
    await Promise.all(surplus.map(({ ended }) => ended));
    for (const one of planned) if (!this.#running.has(one.key)) this.#start(one);
  }

  #start(planned: PlannedSink): void {
    const { createSink, createRunner, logger } = this.#parts;
    const { key, generation, log, views } = planned;
    const sink = createSink(generation, views);
    const [view] = views;
    const pace =
      view === undefined || views.length > 1
        ? null
        : fillingPace(
            view,
            generation,
            () => this.#rows ?? new Map(),
            () => this.#servedAgeMs(),
          );
    const runner = createRunner(sink, log, pace);
    const stop = new AbortController();
    const ended = runner
      .run(stop.signal)
      .catch((error: unknown) => this.#ended(planned, sink.name, error))
      .finally(() => this.#running.delete(key));
    this.#running.set(key, { planned, runner, stop, ended });
    logger.info({ sink: sink.name, generation, views }, `${sink.name} follows ${views.join(', ')}`);
  }

  #ended(planned: PlannedSink, name: string, error: unknown): void {
    const problem = asPlatformError(error);
    if (this.#rows === null || !isFilling(planned, this.#rows)) {
      this.#failure.abort(problem);
      return;
    }
    this.#broken.set(name, problem.message);
    this.#parts.logger.error(
      { sink: name, kind: problem.kind, generation: planned.generation },
      `filling generation ${planned.generation} of ${planned.views.join(', ')} cannot go on: ${problem.message}; cancel it or mend the cause and start again`,
    );
  }

  /** Age of the least fresh view that readers of this store see, ms. */
  #servedAgeMs(): number | null {
    const rows = this.#rows;
    if (rows === null) return null;
    const active = activeOf(rows);
    let oldest: number | null = null;
    for (const { planned, runner } of this.#running.values()) {
      for (const view of planned.views) {
        if (active(view) !== planned.generation) continue;
        const age = runner.ageMs(view);
        if (age !== null && (oldest === null || age > oldest)) oldest = age;
      }
    }
    return oldest;
  }

  async #clean(rows: GenerationRows, until: AbortSignal): Promise<void> {
    const { generations, logger, store, dropAfterMs = DROP_AFTER_MS } = this.#parts;
    const held = (await generations.held()).filter(({ view }) => this.#parts.views.includes(view));
    const surplus = leftOver(held, rows);
    if (surplus.length === 0) return;
    await this.#clock.wait(dropAfterMs, until);
    for (const generation of surplus) {
      if (until.aborted) return;
      await generations.drop(generation);
      logger.info({ store, ...generation }, `generation ${generation.generation} of ${generation.view} is removed`);
    }
  }
}
