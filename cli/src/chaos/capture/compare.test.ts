import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compareSteps } from './compare.ts';
import type { AuditedStep } from './audited-writers.ts';

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
].map((step, index) => ({ aggregate, writer: 1, transaction: index, step }));
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
    expect(compare(right)).toEqual({ committed: committed.length, ...fine });
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
});
