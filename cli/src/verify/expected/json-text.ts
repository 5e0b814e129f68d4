/**
 * JSON made by SQL, as expressions that Postgres and ClickHouse both take. The same document gives the same text on every side, its fields in the
 * order in which they are named here: so texts, and digests of them, compare as documents do.
 */
export function object(...parts: readonly (Readonly<Record<string, string>> | string)[]): string {
  const inside = parts.map((part) => (typeof part === 'string' ? part : fields(part)));
  return `concat('{', ${inside.join(`, ',', `)}, '}')`;
}

/** Fields without their braces: a part of an `object`. */
export function fields(named: Readonly<Record<string, string>>): string {
  const parts = Object.entries(named).flatMap(([name, value], at) => [`'${at === 0 ? '' : ','}"${name}":'`, value]);
  return `concat(${parts.join(', ')})`;
}

/** Of values that are texts of JSON already. */
export function list(...values: readonly string[]): string {
  return `concat('[', ${values.join(`, ',', `)}, ']')`;
}

/** One entry of an object whose keys are data; `key` needs no escaping. */
export function entry(key: string, value: string): string {
  return `concat('"', ${key}, '":', ${value})`;
}

/** A value whose text needs no escaping: an id, an amount, one of a fixed list. */
export function plain(value: string): string {
  return `coalesce('"' || ${value} || '"', 'null')`;
}

/** Any text, in Postgres. */
export function text(value: string): string {
  return `coalesce(to_json(${value})::text, 'null')`;
}
