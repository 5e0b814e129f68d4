import { Client } from 'pg';
import { sleep } from '@millrace/kernel/retry';
import { randomOf } from '../../shop/random.ts';
import type { Random } from '../../shop/random.ts';

/**
 * Not published: what was committed, written by each transaction about itself. An aggregate's version is counted under its row's lock, so its
 * steps are in commit order by it. `step` is what a consumer must get.
 */
const AUDIT = `
  create schema audit;
  create table audit.aggregates (aggregate uuid primary key, version int not null);
  create table audit.steps (aggregate uuid, version int, writer int, transaction int, step text, primary key (aggregate, version));

  create function audit.step(who uuid, kind text, by int, within int, size int) returns void language plpgsql as $$
  declare
    v int;
    id uuid;
    aggregate_type text;
  begin
    update audit.aggregates set version = version + case kind when 'bulk' then size else 1 end
      where aggregate = who returning version into v;
    case kind
    when 'update' then
      update commerce.customers set name = v::text, preferences = jsonb_build_object('padding', repeat(md5(v::text), size))
        where customer_id = who;
      insert into audit.steps values (who, v, by, within, 'u customers/' || who || ' ' || v);
    when 'add' then
      insert into commerce.addresses (customer_id, line1) values (who, v::text) returning address_id into id;
      insert into audit.steps values (who, v, by, within, 'c addresses/' || who || '/' || id || ' ' || v);
    when 'remove' then
      delete from commerce.addresses where (customer_id, address_id) =
        (select customer_id, address_id from commerce.addresses where customer_id = who order by address_id limit 1)
        returning address_id into id;
      if id is not null then
        insert into audit.steps values (who, v, by, within, 'd addresses/' || who || '/' || id);
      end if;
    when 'event' then
      aggregate_type := (array['order', 'product', 'customer'])[1 + v % 3];
      insert into commerce.outbox_events (aggregate_type, aggregate_id, event_type, payload)
        values (aggregate_type, who, 'AuditedStep', jsonb_build_object('version', v));
      insert into audit.steps values (who, v, by, within, 'e ' || aggregate_type || '/' || who || ' ' || v);
    when 'bulk' then
      with made as (
        insert into commerce.addresses (customer_id, line1, line2)
        select who, (v - size + n)::text, repeat('x', 180) from generate_series(1, size) n returning address_id, line1)
      insert into audit.steps
        select who, line1::int, by, within, 'c addresses/' || who || '/' || address_id || ' ' || line1 from made;
    end case;
  end $$;`;

const AGGREGATES = `
  with made as (
    insert into commerce.customers (email, name) select 'chaos' || n || '@example.com', '0' from generate_series(1, $1::int) n
    returning customer_id),
  counted as (insert into audit.aggregates select customer_id, 0 from made)
  insert into audit.steps select customer_id, 0, 0, 0, 'c customers/' || customer_id || ' 0' from made returning aggregate`;

/** The audit's tables and the aggregates, some with many rows, so that a snapshot takes a while. Resolves with the aggregates' ids. */
export async function prepareAudit(databaseUrl: string, aggregates: number, rows: number): Promise<string[]> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(AUDIT);
    const made = await client.query<{ aggregate: string }>(AGGREGATES, [aggregates]);
    const ids = made.rows.map(({ aggregate }) => aggregate).sort();
    for (const id of ids.slice(0, 10)) {
      await client.query(`select audit.step($1, 'bulk', 0, 0, $2)`, [id, Math.ceil(rows / 10)]);
    }
    return ids;
  } finally {
    await client.end();
  }
}

export interface AuditedStep {
  readonly aggregate: string;
  readonly writer: number;
  readonly transaction: number;
  readonly step: string;
}

/** All that was committed, each aggregate's steps in their order. */
export async function committedSteps(client: Client): Promise<AuditedStep[]> {
  const { rows } = await client.query<AuditedStep>(
    'select aggregate::text, writer, transaction, step from audit.steps order by aggregate, version',
  );
  return rows;
}

const PAUSE_MS = 12;
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
      const client = new Client({ connectionString: this.#databaseUrl });
      client.on('error', () => undefined);
      try {
        await client.connect();
        while (!this.#stopped()) {
          await this.#transaction(client, random, writer, ++transaction);
          await sleep(random.int(0, PAUSE_MS * 2));
        }
      } catch (error) {
        // The database is away: what was under way is committed or not, and the audit says which.
        if (!isAway(error)) throw error;
        await sleep(RECONNECT_MS);
      } finally {
        await client.end().catch(() => undefined);
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

/** Connection lost or refused, the server starting or ending. */
function isAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return /^(57P0[123]|08...|ECONN.*|EPIPE)$/.test(code) || /terminat|ended|closed|not queryable/i.test(error.message);
}
