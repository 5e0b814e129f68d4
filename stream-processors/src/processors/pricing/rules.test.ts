import { describe, expect, test } from '@jest/globals';
import { hundredths } from '../../fields/index.ts';
import { nextBoundary, ruledAmount, rulingRule } from './rules.ts';
import type { PriceRule } from './rules.ts';

const rule = (part: Partial<PriceRule>): PriceRule => ({
  tenantId: 't',
  scope: 'vendor',
  scopeId: 'v',
  kind: 'percent',
  value: hundredths('10'),
  priority: 0,
  fromUs: 0,
  toUs: null,
  active: true,
  ...part,
});

describe('what a rule makes of a price', () => {
  test.each([
    ['percent', '10.00', '19.99', 'EUR', '17.99'],
    ['percent', '50.00', '0.05', 'EUR', '0.03'],
    ['percent', '33.33', '9999999999.99', 'EUR', '6666999999.99'],
    ['percent', '15.00', '1999.00', 'JPY', '1699.00'],
    ['percent', '99.99', '0.10', 'EUR', '0.01'],
    ['amount', '5.00', '19.99', 'EUR', '14.99'],
    ['amount', '25.00', '19.99', 'EUR', '0.01'],
    ['amount', '25.00', '19.00', 'JPY', '1.00'],
    ['fixed', '12.34', '19.99', 'EUR', '12.34'],
    ['fixed', '12.50', '19.00', 'JPY', '13.00'],
  ] as const)('%s %s of %s %s is %s', (kind, value, amount, currency, expected) => {
    expect(ruledAmount(rule({ kind, value: hundredths(value) }), hundredths(amount), currency)).toBe(
      hundredths(expected),
    );
  });
});

describe('which rule counts', () => {
  const ruling = (rules: Record<string, Partial<PriceRule>>, atUs = 50): string | null =>
    rulingRule(new Map(Object.entries(rules).map(([id, part]) => [id, rule(part)])), 1000, 'EUR', atUs)?.ruleId ?? null;

  test('the highest priority, then the lowest price, then the higher id', () => {
    expect(ruling({ a: { priority: 2 }, b: { priority: 1, value: 5000 } })).toBe('a');
    expect(ruling({ a: { value: 2000 }, b: { value: 1000 } })).toBe('a');
    expect(ruling({ a: {}, b: {}, '0': {} })).toBe('b');
  });

  test('only while it is in force: from its beginning, up to but without its end', () => {
    expect(ruling({ a: { fromUs: 50, toUs: 51 } })).toBe('a');
    expect(ruling({ a: { fromUs: 51 } })).toBeNull();
    expect(ruling({ a: { toUs: 50 } })).toBeNull();
    expect(ruling({ a: { active: false } })).toBeNull();
  });

  test('its boundaries come one after the other', () => {
    const period = rule({ fromUs: 10, toUs: 20 });
    expect([5, 10, 20].map((nowUs) => nextBoundary(period, nowUs))).toEqual([10, 20, null]);
    expect(nextBoundary({ ...period, active: false }, 5)).toBeNull();
  });
});
