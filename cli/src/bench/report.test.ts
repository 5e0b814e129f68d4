import { describe, expect, test } from '@jest/globals';
import { atLeast, atMost, median, reportText } from './report.ts';

describe('a bench report', () => {
  test('counts a value that is its bar as met, on either side', () => {
    expect([atLeast('rate', 5, 5, '/s').pass, atMost('time', 5, 5, 'ms').pass]).toEqual([true, true]);
    expect([atLeast('rate', 4.9, 5, '/s').pass, atMost('time', 5.1, 5, 'ms').pass]).toEqual([false, false]);
  });

  test('meets no bar with what was never measured', () => {
    const none = median([]);
    expect([atLeast('rate', none, 0, '/s').pass, atMost('time', none, 1_000, 'ms').pass]).toEqual([false, false]);
  });

  test('takes the middle one by number, not by text', () => {
    expect(median([100, 20, 3])).toBe(20);
    expect(median([4, 1, 3, 2])).toBe(3);
  });

  test('says which bars were missed', () => {
    const text = reportText({ name: 'log', bars: [atLeast('out', 1, 2, '/s'), atMost('p99', 1, 2, 'ms')] });
    expect(text).toMatch(/^out .* MISSED$/m);
    expect(text).toMatch(/^p99 .* met$/m);
  });
});
