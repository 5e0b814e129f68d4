import type { Client } from 'pg';
import { withConnection } from '@millrace/database/connection';
import { sleep } from '@millrace/kernel/retry';
import { randomOf } from '../../shop/random.ts';
import type { Random } from '../../shop/random.ts';
import { isAway } from './source.ts';

const PAUSE_MS = 25;
const RECONNECT_MS = 250;

/** Writers that go on, whatever happens to the database, until they are stopped. */
export class AuditedWriters {
  readonly #databaseUrl: string;
  readonly #aggregates: readonly string[];
  readonly #seed: string;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>[];
  #committed = 0;

  constructor(databaseUrl: string, aggregates: readonly string[], seed: string, writers: number) {
    this.#databaseUrl = databaseUrl;
    this.#aggregates = aggregates;
    this.#seed = seed;
    this.#running = Array.from({ length: writers }, (_, index) => this.#write(index + 1));
    for (const running of this.#running) running.catch(() => undefined);
  }

  /** Transactions whose commit was answered. */
  get committed(): number {
    return this.#committed;
  }

  /** Resolves when none writes any more. Rejects where one could not go on. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
  }

  async #write(writer: number): Promise<void> {
    const random = randomOf(this.#seed, 'writer', writer);
    let transaction = 0;
    while (!this.#stopped()) {
      try {
        await withConnection(this.#databaseUrl, async (client) => {
          while (!this.#stopped()) {
            await this.#transaction(client, random, writer, ++transaction);
            await sleep(random.int(0, PAUSE_MS * 2));
          }
        });
      } catch (error) {
        // The database is away: what was under way is committed or not, and the audit says which.
        if (!isAway(error)) throw error;
        await sleep(RECONNECT_MS);
      }
    }
  }

  async #transaction(client: Client, random: Random, writer: number, transaction: number): Promise<void> {
    const step = (aggregate: string, kind: string, size: number) =>
      client.query({
        name: 'step',
        text: 'select audit.step($1, $2, $3, $4, $5)',
        values: [aggregate, kind, writer, transaction, size],
      });
    const chosen = new Set(Array.from({ length: random.int(1, 3) }, () => random.pick(this.#aggregates)));
    await client.query('begin');
    // In one order, so that nobody waits in a circle.
    for (const aggregate of [...chosen].sort()) {
      for (let steps = random.int(1, 3); steps > 0; steps--) {
        await step(aggregate, random.pick(['update', 'update', 'add', 'add', 'remove', 'event']), random.int(0, 90));
      }
      if (random.chance(0.08)) {
        await client.query('savepoint s');
        await step(aggregate, 'add', 0);
        await step(aggregate, 'event', 0);
        await client.query('rollback to savepoint s');
      }
      // More than one flush, and more than Postgres keeps in memory: sent before it ends.
      if (random.chance(0.001)) await step(aggregate, 'bulk', random.int(1_000, 4_000));
    }
    if (random.chance(0.05)) await client.query('rollback');
    else {
      await client.query('commit');
      this.#committed++;
    }
  }

  #stopped(): boolean {
    return this.#stop.signal.aborted;
  }
}
