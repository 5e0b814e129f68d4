import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { centsOf, moneyText } from './money.ts';
import { lineAmounts } from './order-line.ts';

describe('money', () => {
  test.each([
    [957.5775, 95758],
    [14.125, 1413],
    [1.005, 101],
    [0.444, 44],
    [12, 1200],
    [0.1, 10],
  ])('%d is %i cents: half a cent goes up, by its digits', (amount, cents) => {
    expect(centsOf(amount)).toBe(cents);
  });

  test.each([
    [1990, '19.90'],
    [5, '0.05'],
    [-250, '-2.50'],
    [0, '0.00'],
  ])('%i cents are written %s', (cents, text) => expect(moneyText(cents)).toBe(text));

  test('refuses what is no amount', () => {
    expect(() => centsOf(NaN)).toThrow(RangeError);
    expect(() => centsOf(-1)).toThrow(RangeError);
  });
});

test('a line’s amounts add up whatever was sold, and its total is what was paid', () => {
  const amount = fc.integer({ min: 1, max: 99_999_999 }).map((value) => value / 10_000);
  fc.assert(
    fc.property(
      amount,
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 0, max: 99 }),
      (sales, quantity, percent) => {
        const line = lineAmounts({ sales, quantity, discount: percent / 100 });
        expect(line.totalCents).toBe(centsOf(sales));
        expect(quantity * line.unitCents - line.discountCents).toBe(line.totalCents);
        expect(line.discountCents).toBeGreaterThanOrEqual(0);
      },
    ),
  );
});
