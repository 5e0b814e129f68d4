/** One wrong field: its path in the part it belongs to (`items.0.quantity`; `query.limit`, `params.id`, `headers.if-match` outside bodies). */
export interface FieldError {
  readonly field: string;
  readonly message: string;
}

interface SchemaIssue {
  readonly keyword: string;
  readonly instancePath: string;
  readonly message?: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

interface ValidationFailure {
  readonly validation: readonly SchemaIssue[];
  readonly validationContext?: string;
}

const prefixes: Readonly<Record<string, string>> = { querystring: 'query', params: 'params', headers: 'headers' };

export function isValidationFailure(error: unknown): error is ValidationFailure {
  return typeof error === 'object' && error !== null && 'validation' in error && Array.isArray(error.validation);
}

/** Every wrong field once, missing and unknown ones by their own name. Never empty. */
export function fieldErrors(failure: ValidationFailure): FieldError[] {
  const prefix = prefixes[failure.validationContext ?? 'body'];
  const found = new Map<string, string>();
  for (const issue of failure.validation) {
    const base = issue.instancePath.split('/').filter(Boolean).map(unescapePointer);
    for (const { name, message } of namedBy(issue)) {
      const field = [...(prefix === undefined ? [] : [prefix]), ...base, ...(name === undefined ? [] : [name])].join(
        '.',
      );
      if (!found.has(field)) found.set(field, message);
    }
  }
  // A union reports its branches too; the most exact paths say more than the union's own.
  const paths = [...found.keys()];
  const isWithin = (path: string, outer: string): boolean =>
    path !== outer && (outer === '' || path.startsWith(`${outer}.`));
  const fields = [...found].filter(([field]) => !paths.some((path) => isWithin(path, field)));
  return fields.map(([field, message]) => ({ field: field === '' ? 'body' : field, message }));
}

function namedBy(issue: SchemaIssue): { name?: string; message: string }[] {
  const message = issue.message ?? `does not satisfy ${issue.keyword}`;
  switch (issue.keyword) {
    case 'required':
      return names(issue.params?.['requiredProperties']).map((name) => ({ name, message: 'is required' }));
    case 'additionalProperties':
    case 'unevaluatedProperties':
      return names(issue.params?.['additionalProperties'] ?? issue.params?.['unevaluatedProperties']).map((name) => ({
        name,
        message: 'is not known here',
      }));
    case 'boolean':
      return [];
    default:
      return [{ message }];
  }
}

function names(value: unknown): string[] {
  if (Array.isArray(value)) return value.filter((name): name is string => typeof name === 'string');
  return typeof value === 'string' ? [value] : [];
}

function unescapePointer(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~');
}
