import type { ViewCodec, ViewEntry } from '@millrace/schemas/views';

interface Stored {
  readonly lsn: string;
  readonly tsUs: number;
  readonly data: unknown;
}

/** Entries of any kind as JSON, for views whose shapes are not (or not yet) among the schemas. */
export const jsonViewCodec: ViewCodec = {
  encode({ kind, id, lsn, tsUs, data }) {
    const key = Buffer.from(`${kind}:${id}`);
    const stored: Stored = { lsn: lsn.toString(), tsUs, data };
    const record = { key, value: Buffer.from(JSON.stringify(stored)) };
    return data === null ? [record, { key, value: null }] : [record];
  },
  decode(key, value) {
    if (key === null || value === null || key[0] === 0x5f) return null;
    const text = key.toString('utf8');
    const colon = text.indexOf(':');
    const { lsn, tsUs, data } = JSON.parse(value.toString('utf8')) as Stored;
    return { kind: text.slice(0, colon), id: text.slice(colon + 1), lsn: BigInt(lsn), tsUs, data } as ViewEntry;
  },
  prepare: () => Promise.resolve(),
};
