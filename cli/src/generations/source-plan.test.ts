import { expect, test } from '@jest/globals';
import type { Resnapshot } from '../capture/index.ts';
import { rateOf } from './source-plan.ts';

const resnapshot = (of: Partial<Resnapshot>): Resnapshot => ({
  id: '1',
  state: 'done',
  phase: 'deletes',
  table: null,
  tables: 1,
  tablesDone: 1,
  rows: 5_000,
  deleted: 0,
  etaSeconds: null,
  detail: null,
  requestedAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-01T00:00:10.000Z',
  request: {},
  ...of,
});

test('the last re-snapshot that read enough, and came to its end, says how fast they are', () => {
  const running = resnapshot({ state: 'running', rows: 1_000_000 });
  expect(rateOf([running, resnapshot({ rows: 10 }), resnapshot({}), resnapshot({ rows: 9_000 })])).toBe(500);
  expect(rateOf([running])).toBeNull();
});
