import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  amountFromMinor,
  formatWatermark,
  lowestMark,
  minorFromAmount,
  parseWatermark,
  redisNames,
  viewOfTopic,
} from './index.ts';

const mark = fc.record({
  lsn: fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }),
  committedAtMs: fc.integer({ min: 0, max: 4_102_444_800_000 }),
  offset: fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }),
});

describe('names that stores share', () => {
  test('a watermark reads back, and its text orders as its position does', () => {
    fc.assert(
      fc.property(mark, mark, (a, b) => {
        expect(parseWatermark(formatWatermark(a))).toEqual(a);
        if (a.lsn !== b.lsn) expect(formatWatermark(a) < formatWatermark(b)).toBe(a.lsn < b.lsn);
      }),
    );
  });

  test('what is no watermark is refused', () => {
    for (const text of ['', '1|2|3', '5']) expect(() => parseWatermark(text)).toThrow('not of our form');
  });

  test('the lowest of several partitions is what a query may claim', () => {
    const at = (lsn: bigint) => ({ lsn, committedAtMs: 0, offset: 0n });
    expect(lowestMark([at(7n), at(3n), at(9n)])).toEqual(at(3n));
    expect(lowestMark([])).toBeNull();
  });

  test('amounts become hundredths and come back exactly', () => {
    fc.assert(
      fc.property(fc.integer({ min: -999_999_999_999, max: 999_999_999_999 }), (minor) => {
        expect(minorFromAmount(amountFromMinor(minor))).toBe(minor === 0 ? 0 : minor);
      }),
    );
    expect(minorFromAmount('19.9')).toBe(1990);
    expect(() => minorFromAmount('19.999')).toThrow('two places');
  });

  test('no two tags share a key', () => {
    const names = redisNames('p:');
    expect(names.productsByTag('color', 'red')).toBe('p:products:tag:color:red');
    expect(names.productsByTag('a:b', 'c')).not.toBe(names.productsByTag('a', 'b:c'));
    expect(redisNames('p:', () => 3).entry('stock', '1')).toBe('p:g3:inventory:1');
  });

  test('a topic names its view', () => {
    expect(viewOfTopic('x.views.orders', 'x.')).toBe('orders');
    expect(() => viewOfTopic('cdc.orders')).toThrow('not the topic of a view');
  });
});
