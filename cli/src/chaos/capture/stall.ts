import { PlatformError } from '@millrace/kernel/errors';
import { sleep } from '@millrace/kernel/retry';
import { CaptureClient } from '../../capture/index.ts';
import { ProducerProcess } from '../producer-process.ts';
import type { OwnEngines } from './own-engines.ts';
import { slotNow, withSenderTimeout } from './source.ts';
import { Stage } from './stage.ts';
import type { Verdict } from './stage.ts';

/** hold: the operator pauses the stream. kafka: the broker stands still. */
export type StallKind = 'hold' | 'kafka';

export interface StallOptions {
  readonly own: OwnEngines;
  readonly seed: string;
  readonly how: StallKind;
  readonly forMs: number;
  readonly note: (text: string) => void;
}

export interface StallReport extends Verdict {
  readonly campaign: 'stall';
  readonly how: StallKind;
  readonly seed: string;
  readonly stalledSeconds: number;
  /** Times that Postgres ended the connection, or the producer itself. */
  readonly disconnects: number;
  /** WAL that the slot kept at most. */
  readonly mostRetainedBytes: number;
  /** Resident memory of the producer at most. */
  readonly mostResidentBytes: number;
  /** From the end of the stall until the slot had confirmed all there was. */
  readonly catchUpSeconds: number;
  readonly seconds: number;
}

const STREAM_MS = 60_000;
const LOOK_MS = 1_000;
const NOTE_MS = 60_000;

/**
 * The consumer side takes nothing for long, writers go on, and Postgres gives up a connection that is silent for 5 s: the connection must stay, of
 * the one producer there is, and at the end nothing is lost.
 */
export async function stallCampaign(options: StallOptions): Promise<StallReport> {
  const { own, seed, how, forMs, note } = options;
  const beganMs = performance.now();
  const stage = await Stage.set({ engines: own, seed, writers: 2 });
  const { place } = stage;
  let producer: ProducerProcess | null = null;
  try {
    await withSenderTimeout(place, '5s');
    producer = new ProducerProcess({ ...place.environment, HEARTBEAT_MS: '300' });
    const url = await streams(producer);
    const watch = new StallWatch(stage, producer, url);
    const endMs = performance.now() + forMs;
    const stall = how === 'hold' ? hold(new CaptureClient(url), endMs) : freeze(own, endMs);
    await Promise.all([stall, watch.until(endMs, note)]);
    const stalledMs = performance.now() - endMs + forMs;
    const resumedMs = performance.now();
    await watch.caughtUp();
    const catchUpSeconds = Math.round((performance.now() - resumedMs) / 1_000);
    const running = producer;
    const verdict = await stage.judge(
      () => (running.running ? Promise.resolve() : Promise.reject(ended(running))),
      watch.findings,
    );
    const { disconnects, mostRetainedBytes, mostResidentBytes } = watch;
    return {
      campaign: 'stall',
      how,
      seed,
      stalledSeconds: Math.round(stalledMs / 1_000),
      disconnects,
      mostRetainedBytes,
      mostResidentBytes,
      catchUpSeconds,
      ...verdict,
      seconds: Math.round((performance.now() - beganMs) / 1_000),
    };
  } finally {
    await producer?.kill();
    await stage.close();
  }
}

async function hold(client: CaptureClient, endMs: number): Promise<void> {
  await client.pause();
  await sleep(Math.max(0, endMs - performance.now()));
  await client.resume();
}

async function freeze(own: OwnEngines, endMs: number): Promise<void> {
  const forMs = Math.max(0, endMs - performance.now());
  await own.breakDown({ kind: 'broker', broker: 1, how: 'freeze', afterMs: 0, forMs });
  await own.whole();
}

/** Resolves with its health port's address once it streams. */
async function streams(producer: ProducerProcess): Promise<string> {
  const deadlineMs = performance.now() + STREAM_MS;
  while (!producer.streaming || producer.healthPort === null) {
    if (!producer.running || performance.now() > deadlineMs) throw ended(producer);
    await sleep(100);
  }
  return `http://127.0.0.1:${producer.healthPort}`;
}

function ended(producer: ProducerProcess): PlatformError {
  return new PlatformError('internal', `the producer does not stream: ${producer.lastLines.slice(-4).join(' | ')}`);
}

async function residentBytes(url: string): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(STREAM_MS) })).text();
  return Number(/^process_resident_memory_bytes(?:\{.*\})? (\S+)/m.exec(metrics)?.[1] ?? 0);
}

/** Looks every second whether it is still the same connection of the same process, and what the stall costs. */
class StallWatch {
  readonly #stage: Stage;
  readonly #producer: ProducerProcess;
  readonly #url: string;
  readonly findings: string[] = [];
  #sender: number | null = null;
  mostRetainedBytes = 0;
  mostResidentBytes = 0;

  /** @param url of its health port. */
  constructor(stage: Stage, producer: ProducerProcess, url: string) {
    this.#stage = stage;
    this.#producer = producer;
    this.#url = url;
  }

  get disconnects(): number {
    return this.findings.length;
  }

  async until(endMs: number, note: (text: string) => void): Promise<void> {
    let notedMs = performance.now();
    while (performance.now() < endMs) {
      const { retained } = await this.#look();
      if (performance.now() - notedMs >= NOTE_MS) {
        notedMs = performance.now();
        note(
          `${Math.round((endMs - notedMs) / 1_000)} s to go, the slot keeps ${Math.round(retained / 1_048_576)} MiB`,
        );
      }
      await sleep(LOOK_MS);
    }
  }

  /** Resolves when the slot has confirmed what there was at the call. */
  async caughtUp(): Promise<void> {
    const { end } = await this.#look();
    while ((await this.#look()).confirmed < end) {
      await sleep(LOOK_MS / 10);
    }
  }

  async #look(): ReturnType<typeof slotNow> {
    if (!this.#producer.running) throw ended(this.#producer);
    const slot = await slotNow(this.#stage.place);
    this.#sender ??= slot.sender;
    if (slot.sender !== this.#sender) {
      this.findings.push(`the slot's connection is ${slot.sender ?? 'none'}, it was ${this.#sender ?? 'none'}`);
      this.#sender = slot.sender;
    }
    this.mostRetainedBytes = Math.max(this.mostRetainedBytes, slot.retained);
    this.mostResidentBytes = Math.max(this.mostResidentBytes, await residentBytes(this.#url));
    this.#stage.consumer.check();
    return slot;
  }
}
