import { PlatformError } from '@millrace/kernel/errors';
import type { Relation, RowCodecs } from '@millrace/schemas/cdc';
import { TEXT_CODEC, builtinCodec } from '@millrace/schemas/wire';
import type { BinaryCodec } from '@millrace/schemas/wire';
import type pg from 'pg';

/** A row has a column in binary form whose type's codec is not proven: this stream cannot go on, one in text form can. */
export class UnprovenColumn extends PlatformError {
  readonly column: string;

  constructor(column: string) {
    super('replication-protocol', `the binary form of ${column} is not known`);
    this.column = column;
  }
}

interface TypeRow {
  readonly oid: string;
  readonly kind: 'd' | 'e';
  readonly base: string;
}

/** Enums, whose binary form is their label, and domains, which have that of their base. */
const TYPES_QUERY = `
  select oid::int8::text as oid, typtype::text as kind, typbasetype::int8::text as base from pg_type where typtype in ('d', 'e')`;

/** The types whose binary form is proven to become the text that Postgres prints: built-in ones, and those that the database made of them. */
export class WireTypes {
  readonly #made: ReadonlyMap<number, TypeRow>;
  readonly #codecs = new WeakMap<Relation, RowCodecs>();

  private constructor(made: readonly TypeRow[]) {
    this.#made = new Map(made.map((row) => [Number(row.oid), row]));
  }

  static async load(client: pg.Client): Promise<WireTypes> {
    const { rows } = await client.query<TypeRow>(TYPES_QUERY);
    return new WireTypes(rows);
  }

  /** Those of a relation's columns. Throws `UnprovenColumn`. */
  codecs(relation: Relation): RowCodecs {
    const known = this.#codecs.get(relation);
    if (known !== undefined) return known;
    const unproven = this.unproven(relation);
    if (unproven !== null) throw new UnprovenColumn(unproven);
    const codecs = relation.columns.map(({ typeOid }) => this.#codec(typeOid));
    this.#codecs.set(relation, codecs);
    return codecs;
  }

  /** The first column whose type is not among them, as `schema.table.column`; null where there is none. */
  unproven({ schema, table, columns }: Relation): string | null {
    const column = columns.find(({ typeOid }) => this.#codec(typeOid) === undefined);
    return column === undefined ? null : `${schema}.${table}.${column.name}`;
  }

  #codec(typeOid: number): BinaryCodec | undefined {
    const made = this.#made.get(typeOid);
    if (made === undefined) return builtinCodec(typeOid);
    return made.kind === 'e' ? TEXT_CODEC : this.#codec(Number(made.base));
  }
}
