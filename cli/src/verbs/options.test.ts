import { describe, expect, test } from '@jest/globals';
import { numberAboveZero, share, wholeNumber } from './options.ts';

describe('options of verbs', () => {
  test('are numbers as the operator writes them', () => {
    expect(wholeNumber('20', '--kills')).toBe(20);
    expect(wholeNumber('0', '--orders', 0)).toBe(0);
    expect(numberAboveZero('0.5', '--tps')).toBe(0.5);
    expect([share('0', '--share'), share('0.3', '--share'), share('1', '--share')]).toEqual([0, 0.3, 1]);
  });

  test.each(['', ' ', 'many', '1.5', '-1', '0', '1e999', '9007199254740993', undefined, true, null])(
    'a count is not %p',
    (given) => {
      expect(() => wholeNumber(given, '--kills')).toThrow('--kills must be a whole number, 1 or more');
    },
  );

  test.each(['', '0', '-1', 'fast', 'Infinity', undefined])('a rate is not %p', (given) => {
    expect(() => numberAboveZero(given, '--tps')).toThrow('--tps must be a number above 0');
  });

  test.each(['', '-0.1', '1.1', 'half', undefined])('a share is not %p', (given) => {
    expect(() => share(given, '--share')).toThrow('--share must be a number from 0 to 1');
  });
});
