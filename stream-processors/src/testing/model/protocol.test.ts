import { describe, expect, test } from '@jest/globals';
import { explore } from './explore.ts';
import { protocol } from './protocol.ts';
import type { Bounds, Faults } from './protocol.ts';

describe('the protocol of a task log, every interleaving', () => {
  test.each([
    { writers: 2, losses: 2, compactions: 2, steps: 3 },
    { writers: 3, losses: 0, compactions: 1, steps: 2 },
    { writers: 3, losses: 1, compactions: 0, steps: 2 },
    { writers: 3, losses: 0, compactions: 1, steps: 3 },
  ])('%o: each output once, state and position together, nothing of a superseded writer', (bounds) => {
    const { states, fault } = explore(protocol(bounds));
    expect(fault).toBeNull();
    expect(states).toBeGreaterThan(10_000);
  });

  test('the end can be reached: the model does not hold because it stands still', () => {
    const system = protocol({ writers: 2, losses: 1, compactions: 1, steps: 3 });
    const { fault } = explore({
      ...system,
      wrong: ({ log, writers }) =>
        writers.length === 2 && log.some(([, record]) => record[0] === 'position' && record[1] === 3)
          ? 'finished by the second'
          : null,
    });
    expect(fault?.what).toBe('finished by the second');
  });
});

describe('a protocol that lacks one of its parts is found out', () => {
  const lacking: readonly (readonly [keyof Faults, RegExp])[] = [
    ['endsWithinTail', /was due/],
    ['noFence', /after the barrier|was due/],
    ['noBarrier', /was due|state/],
    ['readsBeforeBarrier', /was due|state/],
    ['noSequence', /was due/],
    ['newSequenceOnRetry', /was due/],
    ['brokerForgets', /was due|after the barrier|state/],
    ['noUndo', /state/],
    ['noTail', /was due/],
    ['positionFirst', /state|position/],
    ['positionInEveryBatch', /state|position/],
  ];
  const boundsFor = (name: keyof Faults): Bounds => ({
    writers: name === 'endsWithinTail' ? 3 : 2,
    losses: name === 'newSequenceOnRetry' || name === 'noSequence' ? 1 : 0,
    compactions: 1,
    steps: name === 'endsWithinTail' ? 2 : 3,
  });
  test.each(lacking)('%s', (name, what) => {
    const { fault } = explore(protocol(boundsFor(name), { [name]: true }));
    expect(fault?.what).toMatch(what);
  });
});
