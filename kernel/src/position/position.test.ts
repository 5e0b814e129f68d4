import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { comparePositions, lsnFromPostgres, lsnFromText, lsnText, lsnToPostgres } from './index.ts';

const anyLsn = fc.bigInt({ min: 0n, max: (1n << 63n) - 1n });

describe('positions', () => {
  test('text order is numeric order, past 2^53 too', () => {
    fc.assert(
      fc.property(anyLsn, anyLsn, (a, b) => {
        expect(lsnText(a) < lsnText(b)).toBe(a < b);
      }),
    );
  });

  test('text and Postgres forms read back as written', () => {
    fc.assert(
      fc.property(anyLsn, (lsn) => {
        expect(lsnFromText(lsnText(lsn))).toBe(lsn);
      }),
    );
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: (1n << 56n) - 1n }), (lsn) => {
        expect(lsnFromPostgres(lsnToPostgres(lsn))).toBe(lsn);
      }),
    );
  });

  test('a later epoch stands above every LSN of an earlier one', () => {
    expect(lsnFromPostgres('0/1', 1) > lsnFromPostgres('FFFFFF/FFFFFFFF', 0)).toBe(true);
    expect(lsnToPostgres(lsnFromPostgres('16/B374D848', 3))).toBe('16/B374D848');
  });

  test('what is not a position is refused', () => {
    expect(() => lsnFromText('12x')).toThrow('not a position');
    expect(() => lsnFromPostgres('12')).toThrow('not a Postgres LSN');
  });

  test('the ordinal decides inside a commit', () => {
    expect(comparePositions({ lsn: 5n, ordinal: 1 }, { lsn: 5n, ordinal: 2 })).toBeLessThan(0);
    expect(comparePositions({ lsn: 6n, ordinal: 0 }, { lsn: 5n, ordinal: 9 })).toBeGreaterThan(0);
  });
});
