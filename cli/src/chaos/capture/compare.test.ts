import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compareSteps } from './compare.ts';
import type { AuditedStep } from './audit.ts';

const aggregate = 'a';
const committed: AuditedStep[] = [
  'c customers/a 0',
  'c addresses/a/x 1',
  'u customers/a 2',
  'e order/a 3',
  'd addresses/a/x',
  'u customers/a 5',
  'e order/a 6',
  'c addresses/a/y 7',
].map((step, index) => ({ aggregate, writer: 1, transaction: index, shape: 0, step }));
const changes = committed.map(({ step }) => step).filter((step) => !step.startsWith('e'));
const events = committed.map(({ step }) => step).filter((step) => step.startsWith('e'));
const snapshot = new Map([
  ['customers/a', '2'],
  ['addresses/a/x', '1'],
]);

const compare = (steps: readonly string[], eventSteps: readonly string[] = events, rows = snapshot) =>
  compareSteps(
    committed,
    new Map([
      ['cdc/0', { steps: [...steps], snapshot: rows }],
      ['events/0', { steps: [...eventSteps], snapshot: new Map() }],
    ]),
  );
const right = changes.slice(3);
const fine = { lost: [], duplicated: [], reordered: [], invented: [] };

describe('the audit', () => {
  test('finds nothing where the snapshot and what came after it are what was committed', () => {
    expect(compare(right)).toEqual({ committed: committed.length, leftOut: 0, ...fine });
  });

  test('finds nothing where there was no snapshot row yet', () => {
    expect(compare(changes, events, new Map())).toMatchObject(fine);
  });

  test.each(right)('finds %s lost', (step) => {
    expect(compare(right.filter((other) => other !== step)).lost).toEqual([step]);
  });

  test('finds a lost row between the snapshot and the stream', () => {
    expect(compare(right.slice(1)).lost).toEqual([right[0]]);
  });

  test('finds a row that the snapshot lacks', () => {
    const rows = new Map([['customers/a', '2']]);
    expect(compare(right, events, rows).lost.length).toBeGreaterThan(0);
  });

  test.each(events)('finds %s lost', (step) => {
    expect(
      compare(
        right,
        events.filter((other) => other !== step),
      ).lost,
    ).toEqual([step]);
  });

  test('finds what came twice, anywhere', () => {
    fc.assert(
      fc.property(fc.nat(right.length - 1), fc.nat(right.length), (which, at) => {
        const step = right[which] ?? '';
        const { duplicated, lost } = compare([...right.slice(0, at), step, ...right.slice(at)]);
        expect({ duplicated, lost }).toEqual({ duplicated: [step], lost: [] });
      }),
    );
  });

  test('finds any other order', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(right, { minLength: right.length }), (order) => {
        expect(compare(order).reordered.length > 0).toBe(order.join() !== right.join());
      }),
    );
    expect(compare(right, events.toReversed()).reordered.length).toBeGreaterThan(0);
  });

  test('finds what was never committed', () => {
    expect(compare([...right, 'u customers/a 99']).invented).toEqual(['cdc/0: u customers/a 99']);
  });

  test('takes a row that is read again for no step, wherever it is what was committed last', () => {
    const fineEverywhere = [
      'r customers/a 2',
      'd addresses/a/x',
      'u customers/a 5',
      'r customers/a 5',
      'c addresses/a/y 7',
      'r customers/a 5',
      'r addresses/a/y 7',
      'r addresses/a/y 7',
    ];
    expect(compare(fineEverywhere)).toMatchObject(fine);
  });

  test.each([
    ['an older row after the newer', ['d addresses/a/x', 'u customers/a 5', 'r customers/a 2', 'c addresses/a/y 7']],
    ['a row before it was committed', ['d addresses/a/x', 'r customers/a 5', 'u customers/a 5', 'c addresses/a/y 7']],
    ['a row that is gone', ['d addresses/a/x', 'r addresses/a/x 1', 'u customers/a 5', 'c addresses/a/y 7']],
  ])('finds %s read again', (_, steps) => {
    expect(compare(steps).invented).toHaveLength(1);
  });
});

describe('the audit of a table that was parked', () => {
  /** Shape 1 from the third step on. */
  const parked: AuditedStep[] = [
    'c addresses/a/x 1',
    'c addresses/a/y 2',
    'd addresses/a/x',
    'c addresses/a/z 4',
    'u customers/a 5',
    'c addresses/a/v 6',
  ].map((step, index) => ({
    aggregate,
    writer: 1,
    transaction: index + 1,
    shape: index >= 2 && step.includes('addresses') ? 1 : 0,
    step,
  }));
  const check = (steps: readonly string[]) =>
    compareSteps(parked, new Map([['cdc/0', { steps: [...steps], snapshot: new Map() }]]));
  const before = ['c addresses/a/x 1', 'c addresses/a/y 2'];
  const after = ['u customers/a 5', 'c addresses/a/v 6'];
  const again = ['r addresses/a/y 2', 'r addresses/a/z 4', 'd addresses/a/x'];

  test('finds nothing where its rows are read again and its deletes come late', () => {
    expect(check([...before, ...after, ...again])).toEqual({ committed: 6, leftOut: 2, ...fine });
    expect(check([...before, 'u customers/a 5', ...again, 'c addresses/a/v 6'])).toMatchObject(fine);
  });

  test('finds nothing where nothing else is committed before its rows are read again', () => {
    const quiet = parked.slice(0, 4);
    const came = (...steps: string[]) =>
      compareSteps(quiet, new Map([['cdc/0', { steps: [...before, ...steps], snapshot: new Map() }]]));
    expect(came(...again)).toEqual({ committed: 4, leftOut: 1, ...fine });
    expect(came('r addresses/a/z 3', 'd addresses/a/x').invented).toHaveLength(1);
    expect(came('d addresses/a/x', 'r addresses/a/x 1', 'r addresses/a/z 4').invented).toHaveLength(1);
  });

  test('finds what is missing after the resumption', () => {
    const steps = [...before, 'd addresses/a/x', 'c addresses/a/z 4', 'u customers/a 5'];
    expect(check([...steps, 'c addresses/a/v 6']).lost).toEqual([]);
    expect(check([...before, 'c addresses/a/z 4', ...after]).lost).toEqual([
      'addresses/a/x ends as 1, in the table as no row',
    ]);
  });

  test('finds a late delete of what is there, and one that comes twice', () => {
    expect(check([...before, ...after, ...again, 'd addresses/a/x']).duplicated).toEqual(['d addresses/a/x']);
    expect(check([...before, ...after, 'r addresses/a/z 3']).invented).toHaveLength(1);
  });

  test('does not excuse what another table lost', () => {
    expect(check([...before, ...again, 'c addresses/a/v 6']).lost).toEqual(['u customers/a 5']);
  });
});
