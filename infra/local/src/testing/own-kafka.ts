import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kafkaSpec } from '../engines/kafka.ts';
import { homeOf } from '../paths/index.ts';
import { OwnEngine } from './own-engine.ts';

/** A Kafka node of a test's own, with its log in a temporary folder: to be stopped, killed and frozen. */
export class OwnKafka {
  readonly brokers: readonly string[];
  readonly #folder: string;
  readonly #port: number;
  readonly #engine = new OwnEngine();

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.#port = port;
    this.brokers = [`127.0.0.1:${port}`];
  }

  static async start(port: number): Promise<OwnKafka> {
    const kafka = new OwnKafka(await mkdtemp(join(tmpdir(), 'millrace-kafka-')), port);
    await kafka.run();
    return kafka;
  }

  /** Starts it, with what it held, and waits until it takes requests. */
  run(): Promise<void> {
    return this.#engine.run(kafkaSpec(homeOf(this.#folder, '.millrace/downloads'), this.#port));
  }

  kill(): Promise<void> {
    return this.#engine.stop('SIGKILL');
  }

  /** It keeps its connections and does nothing. */
  freeze(): void {
    this.#engine.freeze();
  }

  thaw(): void {
    this.#engine.thaw();
  }

  /** Ends it and forgets its data. */
  async remove(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
