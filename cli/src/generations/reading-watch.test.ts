import { expect, test } from '@jest/globals';
import type { Resnapshot } from '../capture/index.ts';
import { ReadingWatch } from './reading-watch.ts';

const looked = (of: Partial<Resnapshot>): Resnapshot => ({
  id: '1',
  state: 'running',
  phase: 'rows',
  table: 'commerce.products',
  tables: 2,
  tablesDone: 0,
  rows: 0,
  deleted: 0,
  etaSeconds: null,
  detail: null,
  requestedAt: '',
  updatedAt: '',
  request: {},
  ...of,
});

test('what waits for its turn does not stand still, and what publishes nothing does', () => {
  const watch = new ReadingWatch(0);
  expect(watch.stillMs(looked({ state: 'queued' }), 60_000)).toBe(0);
  expect(watch.stillMs(looked({}), 70_000)).toBe(0);
  expect(watch.stillMs(looked({}), 90_000)).toBe(20_000);
  expect(watch.stillMs(looked({ rows: 1 }), 95_000)).toBe(0);
  expect(watch.stillMs(looked({ rows: 1, phase: 'deletes' }), 99_000)).toBe(0);
});

test('it is held again only when it has published something since', () => {
  const watch = new ReadingWatch(0);
  expect(watch.mayHold(looked({ state: 'queued' }))).toBe(false);
  expect([watch.mayHold(looked({ rows: 5 })), watch.mayHold(looked({ rows: 5 }))]).toEqual([true, false]);
  expect(watch.mayHold(looked({ rows: 5, deleted: 1 }))).toBe(true);
});
