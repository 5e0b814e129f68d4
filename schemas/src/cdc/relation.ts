import { position } from '../avro/types.ts';

/** A column as Postgres describes it to a logical decoder. */
export interface RelationColumn {
  readonly name: string;
  readonly typeOid: number;
  /** Whether it belongs to the replica identity (the primary key, unless someone chose otherwise). */
  readonly key: boolean;
}

/** A captured table's shape at one time, columns in their order. */
export interface Relation {
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly RelationColumn[];
}

/** How a column is held in Avro and in JavaScript; `real` is a float4, held as a double and printed with fewer digits. */
export type ColumnKind = 'boolean' | 'int' | 'long' | 'real' | 'double' | 'timestamp' | 'string';

const kindByOid: Readonly<Record<number, ColumnKind>> = {
  16: 'boolean',
  20: 'long',
  21: 'int',
  23: 'int',
  700: 'real',
  701: 'double',
  1184: 'timestamp',
};

/** Built-in types held as text, named in the schema so that a reader may convert. Plain texts need no name. */
const typeNameByOid: Readonly<Record<number, string>> = {
  17: 'bytea',
  26: 'oid',
  114: 'json',
  1082: 'date',
  1083: 'time',
  1114: 'timestamp',
  1186: 'interval',
  1266: 'timetz',
  1700: 'numeric',
  2950: 'uuid',
  3802: 'jsonb',
};

/** Types of fixed width are never stored out of line, so an update never leaves them out. */
const neverToasted = new Set([26, 1082, 1083, 1114, 1186, 1266, 2950]);

export function columnKind(typeOid: number): ColumnKind {
  return kindByOid[typeOid] ?? 'string';
}

/** Whether an update may leave the column out because it is stored out of line and was not touched. */
export function mayBeUnchanged(typeOid: number): boolean {
  return columnKind(typeOid) === 'string' && !neverToasted.has(typeOid);
}

const UNCHANGED_NAME = 'millrace.Unchanged';
const unchangedSchema = { type: 'record', name: 'Unchanged', namespace: 'millrace', fields: [] };

const sourceFields = [
  { name: 'lsn', type: position },
  { name: 'ordinal', type: 'int' },
  { name: 'txid', type: 'long' },
  { name: 'ts_us', type: 'long' },
  { name: 'schema', type: 'string' },
  { name: 'table', type: 'string' },
  { name: 'snapshot', type: 'string' },
];

/**
 * The Avro schema of a table's change records: Debezium's envelope in its core. Every column is nullable with default null, so adding or
 * dropping one keeps older records readable. A later `generation` is a record of another name: it need not be compatible with those before.
 */
export function envelopeSchema(relation: Relation, generation = 1): Record<string, unknown> {
  const suffix = generation === 1 ? '' : `_${generation}`;
  const namespace = `${avroName(relation.schema)}.${avroName(relation.table)}${suffix}`;
  let unchangedDefined = false;
  const fields = relation.columns.map(({ name, typeOid }) => {
    const branches: unknown[] = ['null', columnType(typeOid)];
    if (mayBeUnchanged(typeOid)) {
      branches.push(unchangedDefined ? UNCHANGED_NAME : unchangedSchema);
      unchangedDefined = true;
    }
    return { name, type: branches, default: null };
  });
  return {
    type: 'record',
    name: 'Envelope',
    namespace,
    fields: [
      { name: 'op', type: 'string' },
      { name: 'source', type: { type: 'record', name: 'Source', namespace, fields: sourceFields } },
      { name: 'before', type: ['null', { type: 'record', name: 'Row', namespace, fields }], default: null },
      { name: 'after', type: ['null', `${namespace}.Row`], default: null },
    ],
  };
}

function columnType(typeOid: number): unknown {
  const kind = columnKind(typeOid);
  if (kind === 'timestamp') return { type: 'long', logicalType: 'timestamp-micros' };
  if (kind === 'real') return { type: 'double', 'postgres.type': 'float4' };
  if (kind !== 'string') return kind;
  const typeName = typeNameByOid[typeOid];
  return typeName === undefined ? 'string' : { type: 'string', 'postgres.type': typeName };
}

/** Avro names are ASCII letters, digits and `_`: anything else in a table's name becomes `_`. */
function avroName(name: string): string {
  const ascii = name.replace(/[^A-Za-z0-9_]/g, '_');
  return /^[A-Za-z_]/.test(ascii) ? ascii : `_${ascii}`;
}
