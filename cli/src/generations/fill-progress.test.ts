import { describe, expect, test } from '@jest/globals';
import type { StoreMark } from '../lag/index.ts';
import { etaSeconds, fillOf } from './fill-progress.ts';

const mark = (store: 'redis' | 'clickhouse', partition: number, lsn: bigint, offset: bigint): StoreMark => ({
  store,
  view: 'catalog',
  partition,
  lsn,
  committedAtMs: 0,
  offset,
});

describe('a filling', () => {
  const active = [mark('redis', 0, 50n, 100n), mark('redis', 1, 60n, 300n)];

  test('is caught up when every partition has passed what readers had seen', () => {
    const [almost] = fillOf(['redis'], active, [mark('redis', 0, 90n, 150n), mark('redis', 1, 59n, 299n)]);
    expect(almost).toEqual({ store: 'redis', records: 399, of: 400, isCaughtUp: false });
    const [whole] = fillOf(['redis'], active, [mark('redis', 0, 90n, 150n), mark('redis', 1, 60n, 300n)]);
    expect(whole).toEqual({ store: 'redis', records: 400, of: 400, isCaughtUp: true });
    const [yetToCome] = fillOf(['redis'], active, [mark('redis', 0, 90n, 150n), mark('redis', 1, 60n, 300n)], 70n);
    expect(yetToCome?.isCaughtUp).toBe(false);
  });

  test('that has not begun, or whose active generation says nothing, is not', () => {
    expect(fillOf(['redis'], active, [])[0]).toEqual({ store: 'redis', records: 0, of: 400, isCaughtUp: false });
    expect(fillOf(['redis'], [], [mark('redis', 0, 1n, 1n)])[0]?.isCaughtUp).toBe(false);
  });

  test('ends when its slowest store does', () => {
    const fill = (store: 'redis' | 'clickhouse', records: number) => ({ store, records, of: 400, isCaughtUp: false });
    expect(etaSeconds([fill('redis', 300), fill('clickhouse', 100)], [], 1_000)).toBe(3);
    expect(etaSeconds([fill('redis', 300)], [fill('redis', 300)], 1_000)).toBeNull();
    expect(etaSeconds([fill('redis', 400)], [], 1_000)).toBe(0);
  });
});
