import { PlatformError } from '@millrace/kernel/errors';
import type { LetterFilter, LetterState } from '../dead-letters/index.ts';

/**
 * Which letters the options of `dlq` mean.
 * @throws PlatformError `config-invalid` naming the option that says nothing.
 */
export function filterOf(options: Readonly<Record<string, unknown>>): LetterFilter {
  const text = (name: string): string | undefined => {
    const value = options[name];
    return typeof value === 'string' ? value : undefined;
  };
  const time = (name: string): string | undefined => {
    const value = text(name);
    if (value === undefined) return undefined;
    const ms = Date.parse(value);
    if (Number.isNaN(ms))
      throw new PlatformError('config-invalid', `--${name} must be a time such as 2026-11-22T10:00:00Z`);
    return new Date(ms).toISOString();
  };
  const states: readonly LetterState[] = ['parked', 'past', 'kept', 'unknown'];
  const state = states.find((one) => one === options['state']);
  if (options['state'] !== undefined && state === undefined) {
    throw new PlatformError('config-invalid', '--state must be parked, past or kept');
  }
  return {
    ...{ view: text('view'), topic: text('topic'), aggregate: text('aggregate'), kind: text('kind'), state },
    ...{ since: time('since'), before: time('before') },
  };
}
