import { PlatformError } from '@millrace/kernel/errors';
import { avroType } from './types.ts';
import type { AvroSchema } from './types.ts';
import type { AvroWriter } from './writer.ts';

/** Appends a value as its schema says. Throws a TypeError where it does not fit; what was appended until then is of no use. */
export type WriteValue = (writer: AvroWriter, value: unknown) => void;

interface Field {
  readonly name: string;
  readonly type: Schema;
  readonly default?: unknown;
}
type Named = { readonly type: string; readonly logicalType?: string; readonly fields?: readonly Field[] } & {
  readonly items?: Schema;
  readonly name?: string;
};
type Schema = string | Named | readonly Schema[];

/**
 * A writer for a schema, made once: the same bytes as avsc's, for what our own schemas are made of (records, arrays, a type or null, strings,
 * numbers, booleans, positions, JSON). Throws `internal` where a schema has anything else.
 */
export function compileWriter(schema: unknown): WriteValue {
  return compile(schema as Schema, '');
}

function compile(schema: Schema, at: string): WriteValue {
  if (Array.isArray(schema)) return union(schema as readonly Schema[], at);
  const { type, logicalType, fields, items, name } = (typeof schema === 'string' ? { type: schema } : schema) as Named;
  if (type === 'record' && fields !== undefined) return record(fields, at === '' ? (name ?? '') : at);
  if (type === 'array' && items !== undefined) return array(compile(items, `${at}[]`), at);
  if (type === 'long' && logicalType === 'position') return position(at);
  if (type === 'string' && logicalType === 'json') return json(at);
  const primitive = logicalType === undefined ? primitives[type] : undefined;
  if (primitive === undefined) throw new PlatformError('internal', `${at} has a type that is not known here: ${type}`);
  return primitive(at);
}

const primitives: Readonly<Record<string, (at: string) => WriteValue>> = {
  string: (at) => (writer, value) => {
    if (typeof value !== 'string') throw unfit(at, 'a text');
    writer.string(value);
  },
  boolean: (at) => (writer, value) => {
    if (typeof value !== 'boolean') throw unfit(at, 'true or false');
    writer.boolean(value);
  },
  int: (at) => (writer, value) => {
    if (typeof value !== 'number' || value !== (value | 0)) throw unfit(at, 'a whole number of 32 bits');
    writer.long(value);
  },
  long: (at) => (writer, value) => {
    // avsc leaves out the outermost safe integers too.
    if (!Number.isSafeInteger(value) || Math.abs(value as number) === Number.MAX_SAFE_INTEGER) {
      throw unfit(at, 'a whole number of 53 bits');
    }
    writer.long(value as number);
  },
  double: (at) => (writer, value) => {
    if (typeof value !== 'number') throw unfit(at, 'a number');
    writer.double(value);
  },
};

function position(at: string): WriteValue {
  return (writer, value) => {
    if (typeof value !== 'bigint') throw unfit(at, 'a position');
    writer.bigint(value);
  };
}

function json(at: string): WriteValue {
  return (writer, value) => {
    const text = JSON.stringify(value) as string | undefined;
    if (text === undefined) throw unfit(at, 'what JSON can say');
    writer.string(text);
  };
}

function record(fields: readonly Field[], at: string): WriteValue {
  const parts = fields.map((field) => {
    const write = compile(field.type, `${at}.${field.name}`);
    return { name: field.name, write, absent: field.default === undefined ? null : bytesOf(field) };
  });
  return (writer, value) => {
    if (typeof value !== 'object' || value === null) throw unfit(at, 'an object');
    for (const { name, write, absent } of parts) {
      const member = (value as Readonly<Record<string, unknown>>)[name];
      if (member === undefined && absent !== null) writer.raw(absent);
      else write(writer, member);
    }
  };
}

/** A default is of the first branch where its type is a union, and so that says itself. */
function bytesOf(field: Field): Buffer {
  return avroType(field.type as AvroSchema).toBuffer(field.default);
}

function array(item: WriteValue, at: string): WriteValue {
  return (writer, value) => {
    if (!Array.isArray(value)) throw unfit(at, 'a list');
    const list = value as readonly unknown[];
    if (list.length > 0) {
      writer.long(list.length);
      for (const one of list) item(writer, one);
    }
    writer.byte(0);
  };
}

/** Null and one other type. */
function union(branches: readonly Schema[], at: string): WriteValue {
  const other = branches.findIndex((branch) => branch !== 'null');
  const branch = branches[other];
  if (branches.length !== 2 || branch === undefined || !branches.includes('null')) {
    throw new PlatformError('internal', `${at} is a union of other than null and one type`);
  }
  const write = compile(branch, at);
  return (writer, value) => {
    if (value === null) {
      writer.byte(2 * (1 - other));
      return;
    }
    writer.byte(2 * other);
    write(writer, value);
  };
}

function unfit(at: string, wanted: string): TypeError {
  return new TypeError(`${at} is not ${wanted}`);
}
