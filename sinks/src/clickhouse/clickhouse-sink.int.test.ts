import { afterAll, describe, expect, test } from '@jest/globals';
import { testEngines } from '@millrace/infra-local/testing';
import { FIRST_GENERATION, clickhouseNames, clickhouseViews } from '@millrace/schemas/stores';
import type { ClickhouseNames } from '@millrace/schemas/stores';
import { silentObserver } from '../port/index.ts';
import { sinkContract } from '../port/testing/contract.ts';
import { batchWith, entryAt, exampleOrder, exampleSale, exampleStock } from '../port/testing/examples.ts';
import { createClickhouse } from './client.ts';
import { ClickhouseGenerations, ClickhouseSink } from './index.ts';

const { clickhouseUrl: url } = testEngines();
const client = createClickhouse(url);
const customerSecret = 'a secret of the tests';
const databases: string[] = [];
function newDatabase(): string {
  const database = `test_sinks_${process.pid}_${Date.now()}_${databases.length}`;
  databases.push(database);
  return database;
}

afterAll(async () => {
  for (const database of databases) await drop(database);
  await client.close();
});

async function drop(database: string): Promise<void> {
  await client.command({ query: `DROP DATABASE IF EXISTS ${database} SYNC` });
}

async function rowsOf(query: string): Promise<Record<string, unknown>[]> {
  return (await client.query({ query, format: 'JSONEachRow' })).json<Record<string, unknown>>();
}

/** Makes the `v_*` views, as a process beside its sinks does. */
async function expose(database: string): Promise<void> {
  const generations = new ClickhouseGenerations({ url, database });
  await generations.open();
  await generations.expose(() => FIRST_GENERATION);
  await generations.close();
}

/** Every `v_*` view but that of freshness, its rows sorted by their text. */
async function contentsOf(database: string): Promise<Record<string, unknown>> {
  await expose(database);
  const names = clickhouseNames(database);
  const contents: Record<string, unknown> = {};
  for (const view of Object.keys(clickhouseViews) as (keyof typeof clickhouseViews)[]) {
    if (view === 'freshness') continue;
    const rows = await rowsOf(`SELECT * FROM ${names.view(view)}`);
    contents[view] = rows.map((row) => JSON.stringify(row)).sort();
  }
  return contents;
}

async function openSink(database: string): Promise<ClickhouseSink> {
  const sink = new ClickhouseSink({ url, database, customerSecret });
  await sink.open(silentObserver);
  await expose(database);
  return sink;
}

sinkContract(
  'clickhouse',
  () => {
    const database = newDatabase();
    return Promise.resolve({
      createSink: (at = url) => new ClickhouseSink({ url: at, database, customerSecret }),
      contents: () => contentsOf(database),
      drop: () => drop(database),
    });
  },
  { seeds: [1, 2], url },
);

async function salesOf(names: ClickhouseNames): Promise<Record<string, unknown>[]> {
  return rowsOf(
    `SELECT toString(day) AS day, category, vendor, currency, toUInt32(orders) AS orders, toInt32(units) AS units, toString(revenue) AS revenue
     FROM ${names.view('salesByDay')} ORDER BY day, category`,
  );
}

describe('clickhouse', () => {
  test('sales are the sums of their deltas, an order counted once a row, however often a batch comes', async () => {
    const database = newDatabase();
    const names = clickhouseNames(database);
    const sink = await openSink(database);
    const placedAt = '2026-03-01T23:59:59.999Z';
    const delta = (id: string, lsn: bigint, lines: number, quantity: number, amount: string, category = 'Desks') =>
      entryAt('sale', `${id}/${lsn}`, lsn, {
        ...{ ...exampleSale, currency: 'USD', category, vendor: 'Acme', placedAt },
        ...{ orderId: id.split('/')[0] ?? id, lines, quantity, amount },
      });
    const day = '2026-03-01';
    const desks = { day, category: 'Desks', vendor: 'Acme', currency: 'USD' };
    const first = batchWith(
      delta('o1/1', 1n, 1, 2, '0.20'),
      delta('o1/2', 1n, 1, 1, '0.10'),
      delta('o1/3', 1n, 1, 1, '5.00', 'Chairs'),
      delta('o2/1', 2n, 1, 1, '0.10'),
    );
    await sink.write([first]);
    await sink.write([first]);
    expect(await salesOf(names)).toEqual([
      { ...desks, category: 'Chairs', orders: 1, units: 1, revenue: '5' },
      { ...desks, orders: 2, units: 4, revenue: '0.4' },
    ]);
    const changed = [delta('o1/1', 3n, 0, -1, '-0.10'), delta('o1/3', 3n, -1, -1, '-5.00', 'Chairs')];
    await sink.write([batchWith(...changed)]);
    expect(await salesOf(names)).toEqual([{ ...desks, orders: 2, units: 3, revenue: '0.3' }]);
    await sink.write([batchWith(delta('o2/1', 4n, -1, -1, '-0.10'))]);
    expect(await salesOf(names)).toEqual([{ ...desks, orders: 1, units: 2, revenue: '0.2' }]);
    await sink.close();
  });

  test('customers appear under a pseudonym that is the same for the same customer', async () => {
    const database = newDatabase();
    const sink = await openSink(database);
    const of = (customerId: string | null) => ({ ...exampleOrder, customerId });
    await sink.write([
      batchWith(
        entryAt('order', 'o1', 1n, of('k1')),
        entryAt('order', 'o2', 2n, of('k1')),
        entryAt('order', 'o3', 3n, of(null)),
      ),
    ]);
    const rows = await rowsOf(`SELECT order_id, customer_key FROM ${database}.v_orders ORDER BY order_id`);
    const [first, second, third] = rows.map((row) => row['customer_key']);
    expect(first).toMatch(/^[0-9a-f]{32}$/);
    expect(second).toBe(first);
    expect(third).toBe('');
    await sink.close();
  });

  test('positions above 2^53 keep every digit, and freshness shows age', async () => {
    const database = newDatabase();
    const sink = await openSink(database);
    const lsn = (2n << 56n) | 12345678901n;
    const entry = {
      ...entryAt('stock', 'p1', 1n, {
        ...exampleStock,
        variants: [
          {
            variantId: 'x',
            onHand: 9,
            reserved: 2,
            available: 7,
            warehouses: [{ warehouseId: 'w', onHand: 9, reserved: 2, available: 7 }],
          },
        ],
      }),
      lsn,
    };
    await sink.write([
      {
        view: 'inventory',
        partition: 1,
        entries: [entry],
        applied: { lsn, committedAtMs: Date.now() - 5000, offset: 4n },
      },
    ]);
    const position = lsn.toString().padStart(20, '0');
    expect(
      await rowsOf(
        `SELECT product_id, variant_id, warehouse_id, toInt32(on_hand) AS n, position FROM ${database}.v_inventory`,
      ),
    ).toEqual([{ product_id: 'p1', variant_id: 'x', warehouse_id: 'w', n: 9, position }]);
    const [freshness] = await rowsOf(
      `SELECT view, partition, position, toInt32(age_ms) AS age_ms FROM ${database}.v_freshness`,
    );
    expect(freshness).toMatchObject({ view: 'inventory', partition: 1, position });
    expect(freshness?.['age_ms']).toBeGreaterThanOrEqual(5000);
    await sink.close();
  });

  test('a row that the server refuses halts instead of being skipped', async () => {
    const database = newDatabase();
    const sink = await openSink(database);
    const order = { ...exampleOrder, totalAmount: 'much' };
    await expect(sink.write([batchWith(entryAt('order', 'o1', 1n, order))])).rejects.toMatchObject({
      kind: 'store-rejected',
    });
    expect(await sink.positions()).toEqual([]);
    await sink.close();
  });
});
