import { describe, expect, test } from '@jest/globals';
import { ancestorsOf } from '../replication/source-system.ts';
import { judgeSlot } from './verdict.ts';
import type { SlotFacts } from './verdict.ts';

const END = 0x5000n;
const memory = { slot: 's', systemId: '7', timeline: 1, epoch: 0, snapshot: 'complete' as const };
const wellFacts: SlotFacts = {
  slotName: 's',
  slot: { active: false, confirmedFlush: 0x4000n, invalidated: null, failover: false },
  system: { systemId: '7', timeline: 1, ancestors: [] },
  remembered: memory,
  complete: true,
  highest: END,
  highestWatermark: END,
  flushed: 0x6000n,
  epoch: 0,
};
const judge = (facts: Partial<SlotFacts>) => judgeSlot({ ...wellFacts, ...facts });
const slot = (change: Partial<NonNullable<SlotFacts['slot']>>) => ({
  slot: { active: false, confirmedFlush: 0x4000n, invalidated: null, failover: false, ...change },
});

describe('whether the stream goes on where the log ends', () => {
  test('it does where everything fits, also for a log from before anything was noted', () => {
    expect(judge({})).toEqual({ kind: 'stream' });
    expect(judge({ remembered: null })).toEqual({ kind: 'stream' });
  });

  test('an empty log, an incomplete one, and one whose healing was killed are copied without asking', () => {
    const snapshot = { kind: 'snapshot', epoch: 0 };
    expect(judge({ highest: 0n, highestWatermark: 0n, complete: false, slot: null })).toEqual(snapshot);
    expect(judge({ complete: false })).toEqual(snapshot);
    expect(judge({ remembered: { ...memory, snapshot: 'running' } })).toEqual(snapshot);
  });

  test('a slot that is gone or invalidated needs healing', () => {
    expect(judge({ slot: null })).toMatchObject({ kind: 'heal', cause: 'slot-lost', epoch: 0 });
    expect(judge(slot({ invalidated: 'wal_removed' }))).toMatchObject({
      cause: 'slot-invalidated',
      what: expect.stringContaining('wal_removed'),
    });
  });

  test('a slot that has confirmed exactly what the log holds is ours; one byte more, and it is not', () => {
    expect(judge(slot({ confirmedFlush: END + 1n }))).toEqual({ kind: 'stream' });
    expect(judge(slot({ confirmedFlush: END + 2n }))).toMatchObject({ cause: 'slot-recreated' });
  });

  test('another cluster is told by its system id, whatever its slot says', () => {
    expect(judge({ system: { systemId: '8', timeline: 1, ancestors: [] } })).toMatchObject({
      cause: 'another-cluster',
      epoch: 0,
    });
  });

  test('a promoted standby goes on where the log ends before the promotion, and needs healing where the log is ahead', () => {
    const promoted = (leftAt: bigint) => ({
      system: { systemId: '7', timeline: 2, ancestors: [{ timeline: 1, leftAt }] },
    });
    expect(judge(promoted(END + 1n))).toEqual({ kind: 'stream' });
    expect(judge(promoted(END))).toMatchObject({ cause: 'timeline-diverged' });
    expect(judge({ system: { systemId: '7', timeline: 3, ancestors: [] } })).toMatchObject({
      cause: 'timeline-diverged',
    });
  });

  test('a source that is behind the log gets an epoch above it; one that is ahead keeps the epoch', () => {
    expect(judge({ flushed: 0x100n })).toMatchObject({ cause: 'history-replaced', epoch: 1 });
    expect(judge({ flushed: 0x100n, remembered: { ...memory, systemId: '9' } })).toMatchObject({
      cause: 'another-cluster',
      epoch: 1,
    });
  });

  test('an epoch that was raised by setting asks for a new snapshot under it', () => {
    expect(judge({ epoch: 2, flushed: (2n << 56n) | 0x100n })).toMatchObject({ cause: 'epoch-raised', epoch: 2 });
  });
});

test("a timeline's history names its ancestors, whatever remarks it has", () => {
  const history = '# made by hand\n1\t0/3000148\tno recovery target specified\n\n2\t0/A0000D8\tbefore 2026\n';
  expect(ancestorsOf(history)).toEqual([
    { timeline: 1, leftAt: 0x3000148n },
    { timeline: 2, leftAt: 0xa0000d8n },
  ]);
});
