import type { Random } from './random.ts';

/**
 * Popularity as shops see it: the r-th most popular of `count` things is picked in proportion to 1 / r^exponent. Which thing
 * has which rank is shuffled, so that the popular ones are spread over ids. Holds 8 bytes a thing.
 */
export function zipf(count: number, exponent = 1): (random: Random) => number {
  if (count < 1) throw new RangeError('nothing to pick from');
  const upTo = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank += 1) {
    sum += 1 / (rank + 1) ** exponent;
    upTo[rank] = sum;
  }
  const stride = coprimeStride(count);
  return (random) => (rankOf(upTo, random.next() * sum) * stride) % count;
}

/** The first rank whose cumulated weight is above `target`. */
function rankOf(upTo: Float64Array, target: number): number {
  let low = 0;
  let high = upTo.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((upTo[middle] ?? Infinity) > target) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** A step that visits every number below `count` before it comes back. */
function coprimeStride(count: number): number {
  let stride = Math.max(1, Math.floor(count * 0.618));
  while (greatestCommonDivisor(stride, count) !== 1) stride += 1;
  return stride;
}

function greatestCommonDivisor(one: number, other: number): number {
  return other === 0 ? one : greatestCommonDivisor(other, one % other);
}
