import type { Scope } from './kind.ts';

/** Ids above `after` and up to `upTo`; null where it has no such bound. */
export interface IdRange {
  readonly after: string | null;
  readonly upTo: string | null;
}

/** A scope, and the values that its pieces name. To be used for one statement. */
export interface ValuedScope extends Scope {
  readonly values: readonly unknown[];
}

export function ofIds(ids: readonly string[], at: Date): ValuedScope {
  return scope(at, (parameter) => {
    const list = parameter(ids);
    return (column) => `${column} = any(${list}::uuid[])`;
  });
}

export function ofRange({ after, upTo }: IdRange, at: Date): ValuedScope {
  return scope(at, (parameter) => {
    const least = after === null ? null : parameter(after);
    const most = upTo === null ? null : parameter(upTo);
    return (column) => {
      const bounds = [
        ...(least === null ? [] : [`${column} > ${least}::uuid`]),
        ...(most === null ? [] : [`${column} <= ${most}::uuid`]),
      ];
      return bounds.length === 0 ? 'true' : bounds.join(' and ');
    };
  });
}

function scope(at: Date, bounds: (parameter: (value: unknown) => string) => Scope['within']): ValuedScope {
  const values: unknown[] = [];
  const parameter = (value: unknown): string => `$${values.push(value)}`;
  const within = bounds(parameter);
  let time: string | undefined;
  return {
    values,
    within,
    at: () => {
      time ??= parameter(at);
      return `${time}::timestamptz`;
    },
  };
}
