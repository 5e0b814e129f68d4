import { PlatformError } from '@millrace/kernel/errors';
import { sleep } from '@millrace/kernel/retry';
import { CaptureClient } from '../../capture/index.ts';
import { ProducerProcess } from '../producer-process.ts';
import type { ProducerFault } from './faults.ts';
import type { ControlledProducer } from './operator.ts';

export interface UnderFireOptions {
  readonly environment: Readonly<Record<string, string>>;
  /** Ends the connection of whoever streams from the slot. */
  readonly endStream: () => Promise<void>;
  /** How long the engines may be away at most: a producer streams so much later. */
  readonly awayMs: number;
}

const STREAM_MS = 90_000;
const END_MS = 60_000;
/**
 * So long a zombie stays frozen at most. Postgres says why it ends a connection, and where the socket is full it waits until that is read: then
 * the slot is not free before the zombie wakes.
 */
const FROZEN_MS = 8_000;
const LOOK_MS = 10;
const AGAIN_MS = 100;

/** Carries out faults, one after the other, on a producer that is started again whenever it has ended, as its supervisor would. */
export class ProducersUnderFire {
  /** What a producer should have done and did not. */
  readonly findings: string[] = [];
  readonly #options: UnderFireOptions;
  readonly #started = new Set<ProducerProcess>();
  #current: ProducerProcess | null = null;
  #starts = 0;

  constructor(options: UnderFireOptions) {
    this.#options = options;
  }

  /** Producers started so far. */
  get starts(): number {
    return this.#starts;
  }

  /** The producer started last and its control port; null before it has said which. */
  get controlled(): ControlledProducer | null {
    const producer = this.#current;
    const port = producer?.running === true ? producer.healthPort : null;
    if (producer === null || port === null) return null;
    return {
      client: new CaptureClient(`http://127.0.0.1:${port}`),
      get running() {
        return producer.running;
      },
    };
  }

  async carryOut(fault: ProducerFault): Promise<void> {
    switch (fault.kind) {
      case 'kill': {
        const producer = await this.streaming();
        await sleep(fault.afterMs);
        return producer.kill();
      }
      case 'kill-early': {
        const producer = this.#running();
        await sleep(fault.afterMs);
        return producer.kill();
      }
      case 'kill-in-snapshot': {
        const producer = this.#running();
        // Where the one before was completed, it streams at once.
        const begun = (): boolean => producer.snapshot || producer.streaming || !producer.running;
        await this.#until(begun, producer, STREAM_MS + this.#options.awayMs, 'begin its snapshot');
        await sleep(fault.afterMs);
        return producer.kill();
      }
      case 'pause': {
        const producer = await this.streaming();
        await sleep(fault.afterMs);
        producer.signal('SIGSTOP');
        await sleep(fault.forMs);
        producer.signal('SIGCONT');
        return;
      }
      case 'zombie':
        return this.#zombie(fault);
      case 'take-over': {
        const first = await this.streaming();
        this.#current = this.#start();
        await sleep(fault.afterMs);
        return first.kill();
      }
    }
  }

  /** The producer, once it streams; one that ends by itself is started again. */
  async streaming(): Promise<ProducerProcess> {
    const timeoutMs = STREAM_MS + this.#options.awayMs;
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      const producer = this.#running();
      await this.#until(() => producer.streaming || !producer.running, producer, timeoutMs, 'stream');
      if (producer.running) return producer;
      if (performance.now() > deadlineMs) throw await stuck(producer, 'stream');
      await sleep(AGAIN_MS);
    }
  }

  /** While that goes on, one that ends by itself is started again: whoever asks producers for something finds one. */
  async keptUp<T>(work: Promise<T>): Promise<T> {
    const over = new AbortController();
    const done = work.finally(() => over.abort());
    done.catch(() => undefined);
    while (!over.signal.aborted) {
      await this.streaming();
      await sleep(AGAIN_MS, over.signal).catch(() => undefined);
    }
    return done;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#started].filter(({ running }) => running).map((producer) => producer.kill()));
  }

  async #zombie({ afterMs, forMs }: Extract<ProducerFault, { kind: 'zombie' }>): Promise<void> {
    const zombie = await this.streaming();
    await sleep(afterMs);
    zombie.signal('SIGSTOP');
    try {
      await this.#options.endStream();
      this.#current = this.#start();
      const successor = this.streaming();
      successor.catch(() => undefined);
      await Promise.race([successor, sleep(FROZEN_MS)]);
      await sleep(forMs);
    } finally {
      zombie.signal('SIGCONT');
    }
    try {
      const timeoutMs = END_MS + this.#options.awayMs;
      await this.#until(() => !zombie.running, zombie, timeoutMs, 'end itself, its successor having started');
    } catch (error) {
      // What it did to the log is still to be judged.
      this.findings.push(error instanceof Error ? error.message : String(error));
      await zombie.kill();
    }
    await this.streaming();
  }

  #running(): ProducerProcess {
    if (this.#current?.running !== true) this.#current = this.#start();
    return this.#current;
  }

  #start(): ProducerProcess {
    this.#starts++;
    for (const ended of this.#started) if (!ended.running) this.#started.delete(ended);
    const producer = new ProducerProcess(this.#options.environment);
    this.#started.add(producer);
    return producer;
  }

  async #until(holds: () => boolean, producer: ProducerProcess, timeoutMs: number, what: string): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs;
    while (!holds()) {
      if (performance.now() > deadlineMs) throw await stuck(producer, what);
      await sleep(LOOK_MS);
    }
  }
}

/** With what it says of itself, where it still answers. */
async function stuck(producer: ProducerProcess, what: string): Promise<PlatformError> {
  const port = producer.healthPort;
  const status =
    port === null
      ? null
      : await new CaptureClient(`http://127.0.0.1:${port}`).status().catch((error: unknown) => error);
  const said = status instanceof Error ? status.message : JSON.stringify(status);
  return new PlatformError(
    'internal',
    `a producer did not ${what}: ${producer.lastLines.slice(-8).join(' | ')}; its status: ${said}`,
  );
}
