import type { LogRecord } from '@millrace/kernel/log';
import { encodeChange, envelopeSchema } from '@millrace/schemas/cdc';
import type { Relation } from '@millrace/schemas/cdc';
import { watermarkRecord, watermarkSchema } from '@millrace/schemas/markers';
import { partitionOf } from '@millrace/schemas/partition';
import type { SchemaRegistry } from '@millrace/schemas/registry';
import { seeded } from './chance.ts';

export const PARTITIONS = 2;

const relation: Relation = {
  schema: 'commerce',
  table: 'stock_movements',
  columns: [
    { name: 'product_id', typeOid: 25, key: true },
    { name: 'movement_id', typeOid: 25, key: true },
    { name: 'delta', typeOid: 23, key: false },
  ],
};

/** A row, as an account has it. */
export interface Movement {
  readonly account: string;
  readonly delta: number;
}

/** What the capture would write: per partition, the appends in their order. */
export interface Books {
  /** All rows, by position. */
  readonly movements: readonly Movement[];
  readonly appends: readonly (readonly (readonly LogRecord[])[])[];
  /** Every commit is at or below it. */
  readonly end: bigint;
  /** Highest time. */
  readonly endUs: number;
}

export interface BookSchemas {
  readonly movement: number;
  readonly watermark: number;
}

export async function registerBooks(registry: SchemaRegistry): Promise<BookSchemas> {
  return {
    movement: await registry.register('cdc.catalog', envelopeSchema(relation)),
    watermark: await registry.register('cdc.catalog', watermarkSchema),
  };
}

/**
 * Commits of transfers. Some hold many; some arrive in two appends, so that a reader sees half a commit for a while; now and then the capture repeats
 * what it wrote last; watermarks come after a commit or later.
 */
export function drawBooks(seed: number, ids: BookSchemas): Books {
  const pick = seeded(seed);
  const commits = 6 + pick(10);
  const accounts = 3 + pick(5);
  const appends: LogRecord[][][] = Array.from({ length: PARTITIONS }, () => []);
  const movements: Movement[] = [];
  let lsn = 100n;
  let tsUs = 1_700_000_000_000_000;
  for (let at = 0; at < commits; at++) {
    lsn += BigInt(2 + pick(20));
    tsUs += (pick(6) - 1) * 1_000_000;
    const rows: LogRecord[][] = Array.from({ length: PARTITIONS }, () => []);
    const transfers = pick(6) === 0 ? 8 + pick(8) : 1 + pick(2);
    for (let n = 0; n < transfers; n++) {
      const amount = 1 + pick(9);
      const ordinal = n * 2;
      const [from, to] = [`a${pick(accounts)}`, `a${pick(accounts)}`];
      for (const [side, id, delta] of [[0, from, -amount] as const, [1, to, amount] as const]) {
        const record = movement(ids.movement, lsn, tsUs, ordinal + side, id, delta);
        rows[partitionOf(id, PARTITIONS)]?.push(record);
        movements.push({ account: id, delta });
      }
    }
    for (const [partition, records] of rows.entries()) {
      const watermark = watermarkRecord(ids.watermark, { lsn: lsn + 1n, tsUs });
      write(appends[partition], records, watermark, pick);
    }
  }
  for (const partition of appends) {
    partition.push([watermarkRecord(ids.watermark, { lsn: lsn + 1000n, tsUs: tsUs + 60_000_000 })]);
  }
  return { movements, appends, end: lsn + 1000n, endUs: tsUs + 60_000_000 };
}

function write(
  appends: LogRecord[][] | undefined,
  records: LogRecord[],
  watermark: LogRecord,
  pick: (below: number) => number,
): void {
  if (appends === undefined) return;
  if (records.length > 1 && pick(3) === 0) {
    const half = 1 + pick(records.length - 1);
    appends.push(records.slice(0, half));
    appends.push(records.slice(half));
  } else if (records.length > 0) appends.push(records);
  if (pick(8) === 0) appends.push(...appends.slice(-1 - pick(2)));
  if (pick(4) === 0) return;
  const last = appends.at(-1);
  // In the request of its commit, as the capture does it, or alone.
  if (last !== undefined && records.length > 0 && pick(2) === 0) appends[appends.length - 1] = [...last, watermark];
  else appends.push([watermark]);
}

function movement(id: number, lsn: bigint, tsUs: number, ordinal: number, account: string, delta: number): LogRecord {
  const row = { product_id: account, movement_id: `${lsn.toString()}-${ordinal}`, delta };
  const change = { lsn, ordinal, op: 'c', txid: Number(lsn), tsUs, before: null, after: row } as const;
  return {
    key: Buffer.from(`stock_movements/${row.product_id}/${row.movement_id}`),
    value: encodeChange(relation, id, change),
  };
}
