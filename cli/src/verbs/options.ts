import { PlatformError } from '@millrace/kernel/errors';

/**
 * A whole number that an option was given.
 * @throws PlatformError `config-invalid` naming the option for anything else, or less than `least`.
 */
export function wholeNumber(given: unknown, option: string, least = 1): number {
  const value = numberOf(given);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new PlatformError('config-invalid', `${option} must be a whole number, ${least} or more`);
}

/**
 * A number above 0 that an option was given.
 * @throws PlatformError `config-invalid` naming the option for anything else.
 */
export function numberAboveZero(given: unknown, option: string): number {
  const value = numberOf(given);
  if (Number.isFinite(value) && value > 0) return value;
  throw new PlatformError('config-invalid', `${option} must be a number above 0`);
}

/**
 * A part of a whole that an option was given, 0 to 1.
 * @throws PlatformError `config-invalid` naming the option for anything else.
 */
export function share(given: unknown, option: string): number {
  const value = numberOf(given);
  if (value >= 0 && value <= 1) return value;
  throw new PlatformError('config-invalid', `${option} must be a number from 0 to 1`);
}

/** `NaN` for what is no number; an empty text is none, though `Number` takes it for 0. */
function numberOf(given: unknown): number {
  return typeof given === 'string' && given.trim() !== '' ? Number(given) : Number.NaN;
}
