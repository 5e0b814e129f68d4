import { expect, test } from '@jest/globals';
import { partitionOf } from '@millrace/schemas/partition';
import { integer, text } from '../fields/index.ts';
import { ProcessorDriver, deleteFrom, insertInto, seeded, update } from '../testing/index.ts';
import type { TestTable } from '../testing/index.ts';
import { definePipeline, sum } from './index.ts';

const tables: readonly TestTable[] = [
  {
    topic: 'cdc.play',
    table: 'lines',
    key: ['order_id', 'line_id'],
    columns: { vendor: 'text', cents: 'int' },
  },
];
interface Views {
  readonly vendor: { readonly cents: number };
}
/** Lines are partitioned by order; the view is by vendor. */
const byVendor = definePipeline<Views>({ name: 'vendors', output: 'views.vendors', stateVersion: 1 }, (flow) => {
  flow
    .table('cdc.play', 'lines', {
      partitions: 'all',
      owner: (row) => text(row, 'vendor'),
      key: ['order_id', 'line_id'],
      value: (row) => ({ vendor: text(row, 'vendor'), cents: integer(row, 'cents') }),
    })
    .groupBy(({ vendor }) => vendor)
    .measure({ cents: sum(({ cents }) => cents) })
    .toView('vendor', (sums) => sums);
});

test('repartitioned to another key: each in one task, its own, as of each commit, over restarts', async () => {
  const partitions = 3;
  const pick = seeded(5);
  const driver = await ProcessorDriver.open<Views>(byVendor, { tables, partitions });
  const lines = new Map<string, { order_id: string; line_id: string; vendor: string; cents: number }>();
  for (let at = 0; at < 120; at++) {
    const rows = Array.from({ length: 1 + pick(4) }, () => {
      const row = { order_id: `o${pick(9)}`, line_id: `l${pick(2)}`, vendor: `v${pick(5)}`, cents: pick(50) };
      const key = `${row.order_id}/${row.line_id}`;
      const known = lines.has(key);
      if (known && pick(3) === 0) {
        lines.delete(key);
        return deleteFrom('lines', row);
      }
      lines.set(key, row);
      return known ? update('lines', row) : insertInto('lines', row);
    });
    await driver.commit(...rows);
    const sums = new Map<string, Views['vendor']>();
    for (const { vendor, cents } of [...lines.values()].sort((a, b) => (a.vendor < b.vendor ? -1 : 1))) {
      sums.set(vendor, { cents: (sums.get(vendor)?.cents ?? 0) + cents });
    }
    expect(driver.view('vendor')).toEqual(sums);
    if (at % 30 === 29) await driver.restart();
  }
  for (let partition = 0; partition < partitions; partition++) {
    for (const { entry } of driver.road.written('views.vendors', partition)) {
      expect(partitionOf(entry.id, partitions)).toBe(partition);
    }
  }
  expect(await driver.replay()).toEqual([]);
}, 60_000);
