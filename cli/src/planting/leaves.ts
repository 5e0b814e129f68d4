/** A JSON value with one leaf changed, for each of its leaves; what a list or an object holds none of has none. */
export function* changedLeaves(
  value: unknown,
  path = '',
): Generator<{ readonly path: string; readonly value: unknown }> {
  if (typeof value !== 'object' || value === null) {
    yield { path, value: changed(value) };
    return;
  }
  for (const [key, part] of Object.entries(value)) {
    for (const one of changedLeaves(part, path === '' ? key : `${path}.${key}`)) {
      const copy: Record<string, unknown> | unknown[] = Array.isArray(value) ? [...(value as unknown[])] : { ...value };
      (copy as Record<string, unknown>)[key] = one.value;
      yield { path: one.path, value: copy };
    }
  }
}

/** Another value of the same type. */
export function changed(value: unknown): unknown {
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'boolean') return !value;
  if (typeof value !== 'string') return 'planted';
  if (/^\d+\.\d\d$/.test(value)) return value === '987654.32' ? '1.00' : '987654.32';
  if (/^\d{4}-\d\d-\d\dT/.test(value)) return '2001-02-03T04:05:06.000Z';
  return `${value}~`;
}
