import { createServer } from 'node:net';
import { PlatformError } from '@millrace/kernel/errors';
import { sleep } from '@millrace/kernel/retry';
import type pg from 'pg';
import { withConnection } from '@millrace/database/connection';
import { startProgram } from '../child-program.ts';

/** What a producer tells of itself at one moment. */
export interface Sample {
  readonly atMs: number;
  readonly rows: number;
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly snapshotRows: number;
}

const SAMPLE_MS = 200;

/** The capture as it is deployed, a process of its own, watched through its health port. */
export class BenchedProducer {
  readonly #child;
  readonly #url: string;
  /** When it said what, by this process's clock. */
  readonly #saidMs = new Map<string, number>();
  #output = '';

  private constructor(env: Readonly<Record<string, string>>, port: number) {
    this.#url = `http://127.0.0.1:${port}`;
    this.#child = startProgram('producers', 'main.js', { ...env, HEALTH_PORT: String(port) });
    this.#child.stdout.on('data', (chunk: Buffer) => {
      const nowMs = performance.now();
      this.#output = (this.#output + chunk.toString()).slice(-20_000);
      for (const text of ['snapshot begins', 'snapshot is complete', 'streaming']) {
        if (!this.#saidMs.has(text) && this.#output.includes(`"msg":"${text}"`)) this.#saidMs.set(text, nowMs);
      }
    });
  }

  static async start(env: Readonly<Record<string, string>>): Promise<BenchedProducer> {
    return new BenchedProducer(env, await freePort());
  }

  /** Waits until it has logged `text`; answers when that was. */
  async said(text: 'snapshot begins' | 'snapshot is complete' | 'streaming', timeoutMs = 600_000): Promise<number> {
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      const saidMs = this.#saidMs.get(text);
      if (saidMs !== undefined) return saidMs;
      if (this.#child.exitCode !== null)
        throw new PlatformError('internal', `the producer ended: ${this.#output.slice(-1_000)}`);
      if (performance.now() > deadlineMs) throw new PlatformError('internal', `the producer did not say "${text}"`);
      await sleep(5);
    }
  }

  async sample(): Promise<Sample> {
    const text = await (await fetch(`${this.#url}/metrics`)).text();
    const atMs = performance.now();
    const value = (name: string): number => Number(new RegExp(`^${name}\\{[^}]*\\} (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
    return {
      atMs,
      rows: value('millrace_capture_rows_total'),
      cpuSeconds: value('process_cpu_seconds_total'),
      residentBytes: value('process_resident_memory_bytes'),
      snapshotRows: value('millrace_capture_snapshot_rows'),
    };
  }

  async status(): Promise<Record<string, unknown>> {
    return (await (await fetch(`${this.#url}/status`)).json()) as Record<string, unknown>;
  }

  /** Samples until `done`, each given to `each`; answers the first and the last. */
  async watch(done: (sample: Sample) => boolean, timeoutMs = 1_800_000): Promise<{ last: Sample; peakBytes: number }> {
    const deadlineMs = performance.now() + timeoutMs;
    let peakBytes = 0;
    for (;;) {
      const last = await this.sample();
      peakBytes = Math.max(peakBytes, last.residentBytes);
      if (done(last)) return { last, peakBytes };
      if (performance.now() > deadlineMs) throw new PlatformError('internal', 'the producer does not get there');
      await sleep(SAMPLE_MS);
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    await ended;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** One row of about 245 bytes, as pgoutput sends it; customers have one index beside the key. */
const ROWS = `
  insert into commerce.customers (email, name, phone, preferences)
  select 'customer-' || n || '@bench.test', 'Customer number ' || n, '+1 555 ' || n, '{"news": true, "size": "M"}'
  from generate_series($1::bigint, $2::bigint) n`;

/** Inserts rows `from` to `to` in transactions of `perTransaction`. */
export async function insertRows(url: string, from: number, to: number, perTransaction: number): Promise<void> {
  await withConnection(url, async (client) => {
    await client.query('set synchronous_commit = off');
    const statement = ROWS.replace('$1', 'low').replace('$2', `least(low + ${perTransaction} - 1, ${to})`);
    await client.query(`do $$ declare low bigint := ${from}; begin
      while low <= ${to} loop ${statement}; commit; low := low + ${perTransaction}; end loop; end $$`);
  });
}

export function query<T extends pg.QueryResultRow>(url: string, text: string, values: unknown[] = []): Promise<T[]> {
  return withConnection(url, async (client) => (await client.query<T>(text, values)).rows);
}
