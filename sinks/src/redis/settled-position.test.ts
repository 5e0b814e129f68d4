import { expect, test } from '@jest/globals';
import { lsnText } from '@millrace/kernel/position';
import { SettledPosition } from './settled-position.ts';

const at = (partition: number, lsn: bigint) =>
  ({ view: 'catalog', partition, lsn, committedAtMs: 0, offset: lsn }) as const;

test('a mark settles a minute after it was stored, not before', () => {
  const settled = new SettledPosition();
  settled.stored([at(0, 7n)], 1_000);
  settled.stored([at(0, 9n)], 2_000);
  expect(settled.of([at(0, 0n)], 60_999)).toBe('');
  expect(settled.of([at(0, 0n)], 61_000)).toBe(lsnText(7n));
  settled.stored([at(0, 20n)], 62_000);
  expect(settled.of([at(0, 0n)], 121_999)).toBe(lsnText(7n));
  expect(settled.of([at(0, 0n)], 122_000)).toBe(lsnText(20n));
});

test('several partitions are settled as far as the last of them, and not at all where one is not known', () => {
  const settled = new SettledPosition();
  settled.stored([at(0, 7n), at(1, 5n)], 0);
  expect(settled.of([at(0, 0n), at(1, 0n)], 60_000)).toBe(lsnText(5n));
  expect(settled.of([at(0, 0n), at(2, 0n)], 60_000)).toBe('');
  expect(settled.of([], 60_000)).toBe('');
});
