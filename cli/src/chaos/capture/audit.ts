import type { Client } from 'pg';
import { connect } from '@millrace/database/connection';

/** The column of `commerce.addresses` whose type the n-th incompatible change alters; there from the start, so that readers know it. */
export function retypedColumn(n: number): string {
  return `retyped_${n}`;
}

/** Most incompatible changes in one campaign. */
export const MOST_RETYPED = 8;

/**
 * Not published: what was committed, written by each transaction about itself. An aggregate's version is counted under its row's lock, so its
 * steps are in commit order by it. `step` is what a consumer must get; `4:12` is version 4 in a row of 12 columns, which cannot change before
 * the transaction has ended. `shape` counts the incompatible changes of `addresses` before a step of that table.
 */
const AUDIT = `
  create schema audit;
  create table audit.aggregates (aggregate uuid primary key, version int not null);
  create table audit.steps (aggregate uuid, version int, writer int, transaction int, shape int, step text, primary key (aggregate, version));
  create table audit.shape (shape int not null);
  insert into audit.shape values (0);

  create function audit.columns(relation regclass) returns bigint language sql volatile as $$
    select count(*) from pg_attribute where attrelid = relation and attnum > 0 and not attisdropped
  $$;

  create function audit.step(who uuid, kind text, by int, within int, size int) returns void language plpgsql as $$
  declare
    v int;
    id uuid;
    aggregate_type text;
    shape_now int := 0;
    columns_now bigint;
  begin
    update audit.aggregates set version = version + case kind when 'bulk' then size else 1 end
      where aggregate = who returning version into v;
    if kind in ('add', 'remove', 'bulk') then
      lock table commerce.addresses in row exclusive mode;
      select shape into shape_now from audit.shape;
      columns_now := audit.columns('commerce.addresses');
    elsif kind = 'update' then
      lock table commerce.customers in row exclusive mode;
      columns_now := audit.columns('commerce.customers');
    end if;
    case kind
    when 'update' then
      update commerce.customers set name = v::text, preferences = jsonb_build_object('padding', repeat(md5(v::text), size))
        where customer_id = who;
      insert into audit.steps values (who, v, by, within, 0, 'u customers/' || who || ' ' || v || ':' || columns_now);
    when 'add' then
      insert into commerce.addresses (customer_id, line1) values (who, v::text) returning address_id into id;
      insert into audit.steps
        values (who, v, by, within, shape_now, 'c addresses/' || who || '/' || id || ' ' || v || ':' || columns_now);
    when 'remove' then
      delete from commerce.addresses where (customer_id, address_id) =
        (select customer_id, address_id from commerce.addresses where customer_id = who order by address_id limit 1)
        returning address_id into id;
      if id is not null then
        insert into audit.steps values (who, v, by, within, shape_now, 'd addresses/' || who || '/' || id);
      end if;
    when 'event' then
      aggregate_type := (array['order', 'product', 'customer'])[1 + v % 3];
      insert into commerce.outbox_events (aggregate_type, aggregate_id, event_type, payload)
        values (aggregate_type, who, 'AuditedStep', jsonb_build_object('version', v));
      insert into audit.steps values (who, v, by, within, 0, 'e ' || aggregate_type || '/' || who || ' ' || v);
    when 'bulk' then
      with made as (
        insert into commerce.addresses (customer_id, line1, line2)
        select who, (v - size + n)::text, repeat('x', 180) from generate_series(1, size) n returning address_id, line1)
      insert into audit.steps
        select who, line1::int, by, within, shape_now,
          'c addresses/' || who || '/' || address_id || ' ' || line1 || ':' || columns_now from made;
    end case;
  end $$;`;

const AGGREGATES = `
  with made as (
    insert into commerce.customers (email, name) select 'chaos' || n || '@example.com', '0' from generate_series(1, $1::int) n
    returning customer_id),
  counted as (insert into audit.aggregates select customer_id, 0 from made)
  insert into audit.steps
    select customer_id, 0, 0, 0, 0, 'c customers/' || customer_id || ' 0:' || audit.columns('commerce.customers') from made
    returning aggregate`;

/** The audit's tables and the aggregates, some with many rows, so that a snapshot takes a while. Resolves with the aggregates' ids. */
export async function prepareAudit(databaseUrl: string, aggregates: number, rows: number): Promise<string[]> {
  const client = await connect(databaseUrl);
  try {
    await client.query(AUDIT);
    const retyped = Array.from({ length: MOST_RETYPED }, (_, index) => `add column ${retypedColumn(index + 1)} text`);
    await client.query(`alter table commerce.addresses ${retyped.join(', ')}`);
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
  /** Incompatible changes of its table before it. */
  readonly shape: number;
  readonly step: string;
}

/** All that was committed, each aggregate's steps in their order. */
export async function committedSteps(client: Client): Promise<AuditedStep[]> {
  const { rows } = await client.query<AuditedStep>(
    'select aggregate::text, writer, transaction, shape, step from audit.steps order by aggregate, version',
  );
  return rows;
}
