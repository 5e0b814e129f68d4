import { connect } from '@millrace/database/connection';
import type { CliConfig } from '../../config/index.ts';
import { openStoreClients } from '../../lag/index.ts';
import { openStoreViews, verifyView } from '../../verify/index.ts';
import { caughtUp } from './caught-up.ts';

/** What the views are at the end. */
export interface Judgement {
  /** Documents compared, in all stores. */
  readonly checked: number;
  readonly missing: number;
  readonly extra: number;
  readonly different: number;
  /** Sums compared with the tables'. */
  readonly sums: number;
  readonly findings: readonly string[];
}

/** However slow the machine is, a view that works moves within this time. */
const STILL_MS = 300_000;
const SHOWN = 10;

/** Compares every document of every view in every store with the tables, then their sums. To be called when nothing writes any more. */
export async function judgeViews(config: CliConfig, note: (text: string) => void): Promise<Judgement> {
  await caughtUp(config, note);
  const findings: string[] = [];
  const counts = { checked: 0, missing: 0, extra: 0, different: 0 };
  const stores = await openStoreViews(config);
  try {
    for (const view of stores.views) {
      const { databaseUrl, slotName } = config;
      const report = await verifyView(view, { databaseUrl, slotName, stillMs: STILL_MS, listed: SHOWN });
      for (const kind of ['checked', 'missing', 'extra', 'different'] as const) counts[kind] += report[kind];
      for (const { kind, key, position, fields } of report.differences) {
        const first = fields.map(({ field }) => field).slice(0, 4);
        findings.push(`${view.view}@${view.store}: ${kind} ${key} at ${position ?? 'none'}: ${first.join(', ')}`);
      }
      if (report.unsettled > 0) findings.push(`${view.view}@${view.store}: ${report.unsettled} did not settle`);
      if (report.checked === 0) findings.push(`${view.view}@${view.store} has nothing to compare`);
    }
  } finally {
    await stores.close();
  }
  note(`${counts.checked} documents compared with the tables.`);
  const { sums, different } = await differingSums(config);
  return { ...counts, sums, findings: [...findings, ...different] };
}

/** Each a query of one row of texts, in Postgres and in ClickHouse. */
const sums: readonly { readonly name: string; readonly postgres: string; readonly clickhouse: string }[] = [
  {
    name: 'orders and their total',
    postgres: `select count(*)::text as a, sum(total_amount)::numeric(18,2)::text as b from commerce.orders`,
    clickhouse: `select toString(count()) as a, toString(sum(total_amount)) as b from v_orders`,
  },
  {
    name: 'units and revenue of what was not cancelled',
    postgres: `select sum(quantity)::text as a, sum(total_price)::numeric(18,2)::text as b
               from commerce.order_items join commerce.orders using (order_id) where status <> 'cancelled'`,
    clickhouse: `select toString(sum(units)) as a, toString(sum(revenue)) as b from v_sales_by_day`,
  },
  {
    name: 'levels and units on hand',
    postgres: `select count(*)::text as a, sum(quantity)::text as b from commerce.inventory`,
    clickhouse: `select toString(count()) as a, toString(sum(on_hand)) as b from v_inventory`,
  },
  {
    name: 'movements and their balance',
    postgres: `select count(*)::text as a, sum(delta)::text as b from commerce.stock_movements`,
    clickhouse: `select toString(count()) as a, toString(sum(delta)) as b from v_stock_movements`,
  },
];

interface Sum {
  readonly a: string;
  readonly b: string;
}

async function differingSums(config: CliConfig): Promise<{ sums: number; different: string[] }> {
  const client = await connect(config.databaseUrl);
  const stores = await openStoreClients(config);
  const different: string[] = [];
  try {
    for (const { name, postgres, clickhouse } of sums) {
      const inTables = (await client.query<Sum>(postgres)).rows[0];
      const answer = await stores.clickhouse.query({ query: clickhouse, format: 'JSONEachRow' });
      const inViews = (await answer.json<Sum>())[0];
      const isSame = Number(inTables?.a) === Number(inViews?.a) && Number(inTables?.b) === Number(inViews?.b);
      if (!isSame)
        different.push(`${name}: ${JSON.stringify(inTables)} in the tables, ${JSON.stringify(inViews)} in ClickHouse`);
    }
  } finally {
    await client.end();
    await stores.close();
  }
  return { sums: sums.length, different };
}
