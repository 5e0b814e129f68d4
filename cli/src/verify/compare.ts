/** Pure comparison of one document as Postgres says it should be with what a store holds. */
export interface FieldDifference {
  readonly field: string;
  readonly expected: unknown;
  readonly actual: unknown;
}

/**
 * Where the two differ, as dotted paths. Both are in the comparable form (`comparable.ts`), so a key that only one has is a difference.
 * Lists compare in order and length; objects whatever the order of their keys.
 */
export function differingFields(expected: unknown, actual: unknown, path = ''): FieldDifference[] {
  if (Object.is(expected, actual)) return [];
  if (Array.isArray(expected) && Array.isArray(actual)) {
    if (expected.length !== actual.length) {
      return [{ field: `${path}.length`, expected: expected.length, actual: actual.length }];
    }
    return expected.flatMap((item, index) => differingFields(item, actual[index], `${path}[${index}]`));
  }
  if (isRecord(expected) && isRecord(actual)) {
    return [...new Set([...Object.keys(expected), ...Object.keys(actual)])].flatMap((key) =>
      differingFields(expected[key], actual[key], path === '' ? key : `${path}.${key}`),
    );
  }
  return [{ field: path === '' ? '(document)' : path, expected, actual }];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
