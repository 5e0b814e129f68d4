import { describe, expect, test } from '@jest/globals';
import { decideIdempotency } from './decision.ts';
import type { StoredAnswer } from './decision.ts';
import { requestHash } from './request-hash.ts';

const now = new Date('2026-01-02T00:00:00Z');
const stored: StoredAnswer = {
  requestHash: 'h',
  status: 201,
  headers: {},
  body: '{}',
  expiresAt: new Date('2026-01-03T00:00:00Z'),
};
const decide = (change: Partial<Parameters<typeof decideIdempotency>[0]>) =>
  decideIdempotency({ locked: true, stored, requestHash: 'h', now, ...change }).do;

describe('an Idempotency-Key', () => {
  test.each([
    ['new', { stored: undefined }, 'run'],
    ['held by another transaction', { locked: false, stored: undefined }, 'refuse-in-flight'],
    ['answered before', {}, 'replay'],
    ['used for another request', { requestHash: 'other' }, 'refuse-mismatch'],
    ['without an answer yet', { stored: { ...stored, status: null } }, 'refuse-in-flight'],
    ['expired', { stored: { ...stored, expiresAt: now } }, 'run'],
    ['expired, and used for another request', { stored: { ...stored, expiresAt: now }, requestHash: 'x' }, 'run'],
  ] as const)('%s: %j', (_name, change, expected) => {
    expect(decide(change)).toBe(expected);
  });
});

describe('the hash of a request', () => {
  test('does not depend on the order of members, but on everything else', () => {
    const hash = requestHash('POST', '/a', { x: 1, y: [{ b: 2, c: null }] });
    expect(requestHash('POST', '/a', { y: [{ c: null, b: 2 }], x: 1 })).toBe(hash);
    for (const other of [
      requestHash('PUT', '/a', { x: 1, y: [{ b: 2, c: null }] }),
      requestHash('POST', '/b', { x: 1, y: [{ b: 2, c: null }] }),
      requestHash('POST', '/a', { x: '1', y: [{ b: 2, c: null }] }),
      requestHash('POST', '/a', { x: 1, y: [] }),
      requestHash('POST', '/a', undefined),
    ]) {
      expect(other).not.toBe(hash);
    }
  });
});
