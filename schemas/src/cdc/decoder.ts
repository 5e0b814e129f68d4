import { PlatformError } from '@millrace/kernel/errors';
import { AvroReader, HEADER_BYTES, schemaIdOf } from '../avro/index.ts';
import type { SchemaRegistry } from '../registry/index.ts';
import type { Change, ChangeOp, ColumnValue, Row } from './change.ts';
import { UNCHANGED } from './change.ts';
import type { ColumnKind } from './relation.ts';
import { timestampOfLong } from './timestamp-long.ts';

/** Reads `cdc.*` values by the schema they were written with. */
export interface ChangeDecoder {
  /** Throws `schema-unknown` where the writer's schema is not loaded yet, `record-malformed` where the bytes do not follow it. */
  decode(value: Buffer): Change;
  /** Fetches the writer's schema of a value if it isn't known yet. Call it when `decode` threw `schema-unknown`, then decode again. */
  prepare(value: Buffer): Promise<void>;
}

type ColumnReader = ColumnKind | 'unchanged' | 'null';
interface Column {
  readonly name: string;
  /** By the number of the union's branch. */
  readonly branches: readonly ColumnReader[];
}
/** A row's columns, in the order they are written. */
type Layout = readonly Column[];

export function createChangeDecoder(registry: SchemaRegistry): ChangeDecoder {
  const layouts = new Map<number, Layout>();
  const reader = new AvroReader();

  const readRow = (layout: Layout): Row | null => {
    if (branchOf(reader) === 0) return null;
    const row: Record<string, ColumnValue> = {};
    for (const { name, branches } of layout) row[name] = readColumn(reader, branches[branchOf(reader)]);
    return row;
  };
  return {
    decode(value) {
      const schemaId = schemaIdOf(value);
      const layout = layouts.get(schemaId);
      if (layout === undefined) {
        throw new PlatformError('schema-unknown', `a change has schema ${schemaId}, which is not loaded`, {
          context: { schemaId },
        });
      }
      reader.open(value, HEADER_BYTES);
      const op = reader.string() as ChangeOp;
      const lsn = reader.bigint();
      const ordinal = reader.long();
      const txid = reader.long();
      const tsUs = reader.long();
      const schema = reader.string();
      const table = reader.string();
      const snapshot = reader.string() === 'true';
      const before = readRow(layout);
      const after = readRow(layout);
      if (reader.position !== value.length) throw malformed('a change has bytes after its end');
      return { op, lsn, ordinal, schema, table, txid, tsUs, snapshot, before, after };
    },
    async prepare(value) {
      const id = schemaIdOf(value);
      if (!layouts.has(id)) layouts.set(id, layoutOf(await registry.schema(id)));
    },
  };
}

function branchOf(reader: AvroReader): number {
  return reader.byte() >>> 1;
}

function readColumn(reader: AvroReader, kind: ColumnReader | undefined): ColumnValue {
  switch (kind) {
    case 'null':
      return null;
    case 'string':
      return reader.string();
    case 'boolean':
      return reader.boolean();
    case 'int':
      return reader.long();
    case 'long':
      return reader.bigint();
    case 'real':
    case 'double':
      return reader.double();
    case 'timestamp':
      return timestampOfLong(reader.exactLong());
    case 'unchanged':
      return UNCHANGED;
    case undefined:
      throw malformed('a column names a union branch its schema does not have');
  }
}

function malformed(message: string): PlatformError {
  return new PlatformError('record-malformed', message);
}

interface AvroField {
  readonly name: string;
  readonly type: unknown;
}
interface AvroRecord {
  readonly name: string;
  readonly fields: readonly AvroField[];
}

const ENVELOPE_FIELDS = 'op,source,before,after';

function layoutOf(schema: unknown): Layout {
  const envelope = schema as Partial<AvroRecord>;
  const fields = envelope.fields ?? [];
  if (fields.map(({ name }) => name).join() !== ENVELOPE_FIELDS) {
    throw malformed(`schema ${envelope.name ?? '(unnamed)'} is not that of a change`);
  }
  const union = fields[2]?.type as readonly [unknown, AvroRecord];
  return union[1].fields.map(({ name, type }) => ({ name, branches: branches(type) }));
}

/** How each column of a change is held, by its writer's schema: what `columnText` needs of a reader that has no relation. */
export function columnKinds(schema: unknown): ReadonlyMap<string, ColumnKind> {
  const kindOf = ({ name, branches: [, kind] }: Column): [string, ColumnKind] => {
    if (kind === undefined || kind === 'null' || kind === 'unchanged') throw malformed(`column ${name} has no type`);
    return [name, kind];
  };
  return new Map(layoutOf(schema).map(kindOf));
}

function branches(union: unknown): ColumnReader[] {
  if (!Array.isArray(union)) throw malformed('a column of a change is not a union');
  return union.map((branch: unknown) => branchReader(branch));
}

function branchReader(branch: unknown): ColumnReader {
  if (branch === 'null') return 'null';
  if (branch === 'millrace.Unchanged') return 'unchanged';
  const {
    type,
    logicalType,
    name,
    'postgres.type': typeName,
  } = (typeof branch === 'string' ? { type: branch } : branch) as {
    type: string;
    logicalType?: string;
    name?: string;
    'postgres.type'?: string;
  };
  if (name === 'Unchanged' || name === 'millrace.Unchanged') return 'unchanged';
  if (type === 'long') return logicalType === 'timestamp-micros' ? 'timestamp' : 'long';
  if (type === 'double' && typeName === 'float4') return 'real';
  if (type === 'int' || type === 'boolean' || type === 'double' || type === 'string') return type;
  throw malformed(`a column of a change has Avro type ${type}, which is not known here`);
}
