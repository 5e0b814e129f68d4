import type { LogRecord } from '@millrace/kernel/log';
import { encodeChange, envelopeSchema } from '@millrace/schemas/cdc';
import type { Relation } from '@millrace/schemas/cdc';
import { watermarkRecord, watermarkSchema } from '@millrace/schemas/markers';
import type { SchemaRegistry } from '@millrace/schemas/registry';

const UUID = 2950;
const TEXT = 25;
const NUMERIC = 1700;
const column = (name: string, typeOid: number, key = false) => ({ name, typeOid, key });

const products: Relation = {
  schema: 'commerce',
  table: 'products',
  columns: [
    column('product_id', UUID, true),
    column('tenant_id', TEXT),
    column('base_price', NUMERIC),
    column('currency', TEXT),
    column('category_id', UUID),
    column('vendor_id', UUID),
  ],
};
const variants: Relation = {
  schema: 'commerce',
  table: 'product_variants',
  columns: [column('product_id', UUID, true), column('variant_id', UUID, true)],
};
const rules: Relation = {
  schema: 'commerce',
  table: 'price_rules',
  columns: [
    column('rule_id', UUID, true),
    column('tenant_id', TEXT),
    column('scope', TEXT),
    column('scope_id', UUID),
    column('kind', TEXT),
    column('value', NUMERIC),
    column('priority', 23),
    column('valid_from', 1184),
    column('valid_to', 1184),
    column('active', 16),
  ],
};
const VENDOR = '01890000-0000-7000-8000-ffffffffffff';
const FIRST_LSN = 1_000n;

const productId = (at: number): string => `01890000-0000-7000-8000-${at.toString().padStart(12, '0')}`;

type SchemaIds = Readonly<Record<'products' | 'variants' | 'rules' | 'catalog' | 'reference', number>>;

/** Rows of one vendor's products, all with one variant, and a rule of that vendor. A commit is a number: its position and its order. */
export class RepriceRows {
  readonly #ids: SchemaIds;

  private constructor(ids: SchemaIds) {
    this.#ids = ids;
  }

  static async create(registry: SchemaRegistry): Promise<RepriceRows> {
    return new RepriceRows({
      products: await registry.register('cdc.catalog', envelopeSchema(products)),
      variants: await registry.register('cdc.catalog', envelopeSchema(variants)),
      rules: await registry.register('cdc.reference', envelopeSchema(rules)),
      catalog: await registry.register('cdc.catalog', watermarkSchema),
      reference: await registry.register('cdc.reference', watermarkSchema),
    });
  }

  lsn(commit: number): bigint {
    return FIRST_LSN + BigInt(commit) * 2n;
  }

  /** Products `from` to `to`, each with its variant, as one commit. */
  added(commit: number, from: number, to: number, tsUs: number): LogRecord[] {
    return Array.from({ length: to - from }, (_, n) => this.#added(commit, from + n, 2 * n, tsUs)).flat();
  }

  #added(commit: number, at: number, ordinal: number, tsUs: number): LogRecord[] {
    const id = productId(at);
    const place = { lsn: this.lsn(commit), op: 'c', txid: commit, tsUs, before: null } as const;
    const variant = { ...place, ordinal: ordinal + 1, after: { product_id: id, variant_id: id } };
    return [
      this.priced(commit, at, tsUs, 'c', ordinal),
      {
        key: Buffer.from(`product_variants/${id}/${id}`),
        value: encodeChange(variants, this.#ids.variants, variant),
      },
    ];
  }

  /** A product's list price, another for each commit. */
  priced(commit: number, at: number, tsUs: number, op: 'c' | 'u' = 'u', ordinal = 0): LogRecord {
    const id = productId(at);
    const after = {
      product_id: id,
      tenant_id: 'bench',
      base_price: `${10 + commit}.${10 + (at % 90)}`,
      currency: 'EUR',
      category_id: null,
      vendor_id: VENDOR,
    };
    const change = { lsn: this.lsn(commit), ordinal, op, txid: commit, tsUs, before: null, after } as const;
    return { key: Buffer.from(`products/${id}`), value: encodeChange(products, this.#ids.products, change) };
  }

  /** Ten percent off everything of the vendor. */
  rule(commit: number, tsUs: number): LogRecord {
    const after = {
      rule_id: VENDOR,
      tenant_id: 'bench',
      scope: 'vendor',
      scope_id: VENDOR,
      kind: 'percent',
      value: '10.00',
      priority: 1,
      valid_from: tsUs,
      valid_to: null,
      active: true,
    };
    const change = { lsn: this.lsn(commit), ordinal: 0, op: 'c', txid: commit, tsUs, before: null, after } as const;
    return { key: Buffer.from(`price_rules/${VENDOR}`), value: encodeChange(rules, this.#ids.rules, change) };
  }

  watermark(topic: 'catalog' | 'reference', commit: number, tsUs: number): LogRecord {
    return watermarkRecord(this.#ids[topic], { lsn: this.lsn(commit) + 1n, tsUs });
  }
}
