import { PlatformError } from '@millrace/kernel/errors';

/** Money is held in hundredths (the scale of every money column) as a safe integer: exact up to 90 trillion. Text at the edges. */
export function hundredths(amount: string): number {
  const match = /^(-?)(\d{1,13})(?:\.(\d{1,2})0*)?$/.exec(amount);
  if (match === null) throw new PlatformError('record-malformed', 'an amount is not a number with two decimals');
  const value = Number(match[2]) * 100 + Number((match[3] ?? '').padEnd(2, '0'));
  return match[1] === '-' ? -value : value;
}

/** As Postgres prints numeric(12,2). */
export function amountText(value: number): string {
  const magnitude = Math.abs(value);
  const text = `${Math.floor(magnitude / 100)}.${String(magnitude % 100).padStart(2, '0')}`;
  return value < 0 ? `-${text}` : text;
}

export function add(...values: readonly number[]): number {
  return exact(values.reduce((sum, value) => sum + value, 0));
}

export function multiply(value: number, quantity: number): number {
  return exact(value * quantity);
}

/** Hundredths in the currency's smallest amount: what a computed price is rounded to. */
export function smallestAmount(currency: string): number {
  return currency === 'JPY' ? 100 : 1;
}

/** `value * numerator / denominator`, exact, rounded half up to a multiple of `unit`. For amounts and factors that are not negative. */
export function scaled(value: number, numerator: number, denominator: number, unit: number): number {
  const divisor = BigInt(denominator) * BigInt(unit);
  const units = (BigInt(value) * BigInt(numerator) * 2n + divisor) / (divisor * 2n);
  return exact(Number(units) * unit);
}

function exact(value: number): number {
  if (!Number.isSafeInteger(value)) throw new PlatformError('record-malformed', 'an amount is too large to be exact');
  return value;
}
