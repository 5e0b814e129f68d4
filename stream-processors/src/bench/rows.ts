import type { LogRecord } from '@millrace/kernel/log';
import { encodeChange, envelopeSchema } from '@millrace/schemas/cdc';
import type { Relation } from '@millrace/schemas/cdc';
import { watermarkRecord, watermarkSchema } from '@millrace/schemas/markers';
import type { SchemaRegistry } from '@millrace/schemas/registry';

const relation: Relation = {
  schema: 'commerce',
  table: 'stock_movements',
  columns: [
    { name: 'product_id', typeOid: 2950, key: true },
    { name: 'movement_id', typeOid: 2950, key: true },
    { name: 'variant_id', typeOid: 2950, key: false },
    { name: 'delta', typeOid: 23, key: false },
    { name: 'kind', typeOid: 25, key: false },
    { name: 'at', typeOid: 1184, key: false },
  ],
};
const START_US = 1_700_000_000_000_000;
const FIRST_LSN = 1_000n;

/** Movements of stock, a commit each: ~200 bytes, `keys` products, the same for the same number. */
export class BenchRows {
  readonly #rowId: number;
  readonly #watermarkId: number;
  readonly #keys: number;

  private constructor(rowId: number, watermarkId: number, keys: number) {
    this.#rowId = rowId;
    this.#watermarkId = watermarkId;
    this.#keys = keys;
  }

  static async create(registry: SchemaRegistry, keys: number): Promise<BenchRows> {
    const rowId = await registry.register('cdc.catalog', envelopeSchema(relation));
    return new BenchRows(rowId, await registry.register('cdc.catalog', watermarkSchema), keys);
  }

  lsn(at: number): bigint {
    return FIRST_LSN + BigInt(at) * 2n;
  }

  row(at: number, tsUs = START_US + at * 100): LogRecord {
    // Spread over the keys without a pattern that a cache would like.
    const product = id(Math.imul(at, 2_654_435_761) >>> 0, this.#keys);
    const movement = id(at, 0xffffffff);
    const after = { product_id: product, movement_id: movement, variant_id: product, delta: 1, kind: 'sale', at: tsUs };
    const change = { lsn: this.lsn(at), ordinal: 0, op: 'c', txid: at, tsUs, before: null, after } as const;
    return {
      key: Buffer.from(`stock_movements/${product}/${movement}`),
      value: encodeChange(relation, this.#rowId, change),
    };
  }

  watermark(at: number, tsUs = START_US + at * 100): LogRecord {
    return watermarkRecord(this.#watermarkId, { lsn: this.lsn(at) + 1n, tsUs });
  }

  /** Rows `from` to `to` with the watermark of the last. */
  batch(from: number, to: number): LogRecord[] {
    const records = Array.from({ length: to - from }, (_, n) => this.row(from + n));
    records.push(this.watermark(to - 1));
    return records;
  }
}

const id = (n: number, below: number): string => `01890000-0000-7000-8000-${(n % below).toString().padStart(12, '0')}`;
