import { describe, expect, test } from '@jest/globals';
import { protocolWithCopies } from './copies.ts';
import type { CopyBounds, CopyFaults } from './copies.ts';
import { explore } from './explore.ts';
import { scriptWithDeletion as script, script as wholeScript } from './task-log.ts';

const none = { losses: 0, compactions: 1, snapshots: 0, days: 0, recreations: 0, hasStandby: false, script };
const withSnapshot: CopyBounds = { ...none, writers: 2, steps: 3, snapshots: 1, days: 1 };
const withStandby: CopyBounds = { ...none, writers: 2, steps: 2, hasStandby: true, days: 1 };
/** Of results in parts. */
const inParts = { script: wholeScript, days: 0 };
const anew = { writers: 3, steps: 2, days: 0, recreations: 1, compactions: 0 };

describe('tasks that begin with a copy of their state, every interleaving', () => {
  test.each([
    ['a snapshot', withSnapshot],
    ['a snapshot of a log that is made anew', { ...withSnapshot, ...anew }],
    ['a standby', withStandby],
    ['a standby of a log that is made anew', { ...withStandby, ...anew }],
    ['a standby of results in parts', { ...withStandby, ...inParts }],
    ['both', { ...withStandby, snapshots: 1 }],
  ] as const)('%s: the state is the one that the log says', (_, bounds) => {
    const { states, fault } = explore(protocolWithCopies(bounds));
    expect(fault).toBeNull();
    expect(states).toBeGreaterThan(2_000);
  });
});

describe('copies that lack one of their safeguards are found out', () => {
  const lacking: readonly (readonly [keyof CopyFaults, CopyBounds])[] = [
    ['ofAnotherLog', { ...withSnapshot, ...anew }],
    ['oldSnapshot', withSnapshot],
    ['ofItsEnd', withSnapshot],
    ['publishedEarly', withSnapshot],
    ['standbyUnread', withStandby],
    ['oldStandby', withStandby],
    ['standbyOfAnotherLog', { ...withStandby, ...anew }],
    ['standbyTakesBack', { ...withStandby, ...inParts }],
  ];
  test.each(lacking)('%s', (name, bounds) => {
    const { fault } = explore(protocolWithCopies(bounds, { [name]: true }));
    expect(fault?.what).toMatch(/state|was due|position/);
  });
});
