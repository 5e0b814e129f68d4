/** Longs that stand for ±infinity. */
const POSITIVE_INFINITY = (1n << 63n) - 1n;
const NEGATIVE_INFINITY = -(1n << 63n);

/**
 * No timestamptz is below 4713 BC, so the bottom of a long's range is free: the last 30 years that Postgres knows (AD 294247 to 294276), whose
 * µs since 1970 pass 2^63, are counted up from there.
 */
const WRAPPED_BELOW = NEGATIVE_INFINITY / 2n;
const WRAP = POSITIVE_INFINITY - NEGATIVE_INFINITY - 1n;

/** The long that holds a timestamptz of µs since 1970, ±Infinity included: a number where that is safe, else a bigint. */
export function longOfTimestamp(us: number | bigint): number | bigint {
  if (typeof us === 'number') {
    if (Number.isSafeInteger(us)) return us;
    if (us === Infinity) return POSITIVE_INFINITY;
    if (us === -Infinity) return NEGATIVE_INFINITY;
  }
  const exact = BigInt(us);
  if (exact >= POSITIVE_INFINITY) return exact - WRAP;
  const number = Number(exact);
  return Number.isSafeInteger(number) ? number : exact;
}

/** Back: a number where that is exact, else a bigint. */
export function timestampOfLong(long: number | bigint): number | bigint {
  if (Number.isSafeInteger(long)) return long;
  const exact = BigInt(long);
  if (exact === POSITIVE_INFINITY) return Infinity;
  if (exact === NEGATIVE_INFINITY) return -Infinity;
  const us = exact < WRAPPED_BELOW ? exact + WRAP : exact;
  const number = Number(us);
  return BigInt(number) === us ? number : us;
}
