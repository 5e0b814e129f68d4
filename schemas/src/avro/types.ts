import avro from 'avsc';

export type AvroSchema = avro.Schema;

/** Avro `long` that JavaScript holds as a bigint. Written in schemas as `{"type":"long","logicalType":"position"}`. */
const scratch = Buffer.alloc(8);
export const bigintLong: avro.Type = avro.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    scratch.writeBigInt64LE(value);
    return scratch;
  },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a === b ? 0 : a < b ? -1 : 1),
});

/** An Avro string that holds JSON: `{"type":"string","logicalType":"json"}`; decoded to the value. */
class JsonType extends avro.types.LogicalType {
  override _fromValue(text: string): unknown {
    return JSON.parse(text) as unknown;
  }

  override _toValue(value: unknown): string {
    return JSON.stringify(value);
  }

  /** Without it no record that holds JSON could gain a field: what was written under its older schema could not be read. */
  override _resolve(written: avro.Type): ((value: unknown) => unknown) | undefined {
    if (written instanceof JsonType) return (value) => value;
    return written.typeName === 'string' ? (text) => this._fromValue(text as string) : undefined;
  }
}

export const position = { type: 'long', logicalType: 'position' } as const;
export const json = { type: 'string', logicalType: 'json' } as const;

/** Compiles a schema with Millrace's logical types. avsc generates straight-line code for it, so do this once and keep the result. */
export function avroType(schema: AvroSchema): avro.Type {
  return avro.Type.forSchema(schema, {
    logicalTypes: { json: JsonType },
    typeHook: (part: unknown) => (isPosition(part) ? bigintLong : undefined),
  });
}

function isPosition(part: unknown): boolean {
  return typeof part === 'object' && part !== null && (part as { logicalType?: unknown }).logicalType === 'position';
}
