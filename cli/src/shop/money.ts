/**
 * Money in whole cents. A source amount is rounded half up on its decimal digits as the file gives them (`957.5775` is
 * 957.58, `14.125` is 14.13), never on a binary fraction.
 */
export function centsOf(amount: number): number {
  const match = /^(\d+)(?:\.(\d+))?$/.exec(String(amount));
  if (match === null) throw new RangeError(`not an amount: ${String(amount)}`);
  const decimals = (match[2] ?? '').padEnd(3, '0');
  const cents = Number(match[1]) * 100 + Number(decimals.slice(0, 2));
  return decimals.charAt(2) >= '5' ? cents + 1 : cents;
}

/** `1990` as `"19.90"`, the form in which the database and JSON take money. */
export function moneyText(cents: number): string {
  const sign = cents < 0 ? '-' : '';
  const digits = String(Math.abs(cents)).padStart(3, '0');
  return `${sign}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}
