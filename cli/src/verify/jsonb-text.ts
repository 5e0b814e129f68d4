/**
 * A value of JSON as Postgres prints it as jsonb: keys by their length in bytes, then by their bytes. Numbers that JavaScript writes in another way
 * make another text; who compares texts compares the values where they differ.
 */
export function jsonbText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(jsonbText).join(', ')}]`;
  if (!isRecord(value)) return JSON.stringify(value);
  const fields = Object.entries(value).map(([key, field]) => ({ key, bytes: Buffer.from(key), field }));
  fields.sort((left, right) => left.bytes.length - right.bytes.length || Buffer.compare(left.bytes, right.bytes));
  return `{${fields.map(({ key, field }) => `${JSON.stringify(key)}: ${jsonbText(field)}`).join(', ')}}`;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
