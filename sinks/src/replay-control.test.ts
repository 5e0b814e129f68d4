import { expect, test } from '@jest/globals';
import type { ViewName } from '@millrace/schemas/stores';
import type { ReplayRequest } from './runner/index.ts';
import { replayAction } from './replay-control.ts';

function sink(name: string, views: readonly ViewName[], busy = false) {
  const asked: ReplayRequest[] = [];
  const replay = {
    view: 'catalog',
    state: 'running',
    read: 0,
    records: 1,
    given: 0,
    startedAt: '',
    etaSeconds: null,
  } as const;
  return {
    ...{ name, views, asked },
    status: () => ({ sink: name, state: 'running' as const, partitions: [], ...(busy ? { replay } : {}) }),
    replay: (request: ReplayRequest) => void asked.push(request),
    cancelReplay: () => void asked.splice(0),
  };
}

test('every sink of the view is asked, or the one that is named', () => {
  const sinks = [
    sink('redis', ['inventory', 'catalog']),
    sink('elasticsearch', ['catalog']),
    sink('other', ['orders']),
  ];
  const body = { view: 'catalog', from: '00000000000000000030', since: '2026-01-02T00:00:00Z', tenant: 't', rate: 10 };
  expect(replayAction(sinks, 'replay', body)).toEqual({ sinks: ['redis', 'elasticsearch'] });
  const request = {
    view: 'catalog',
    fromLsn: 30n,
    sinceMs: Date.UTC(2026, 0, 2),
    aggregates: null,
    tenant: 't',
    rate: 10,
  };
  expect(sinks.map(({ asked }) => asked)).toEqual([[request], [request], []]);
  expect(replayAction(sinks, 'replay-cancel', { view: 'catalog', sink: 'redis' })).toEqual({ sinks: ['redis'] });
  expect(sinks.map(({ asked }) => asked.length)).toEqual([0, 1, 0]);
  expect(replayAction(sinks, 'explode', {})).toBeNull();
});

test('while one of them replays none begins', () => {
  const sinks = [sink('redis', ['catalog']), sink('elasticsearch', ['catalog'], true)];
  expect(() => replayAction(sinks, 'replay', { view: 'catalog' })).toThrow('elasticsearch');
  expect(sinks[0]?.asked).toEqual([]);
});

test('what it does not understand is refused, saying what', () => {
  const sinks = [sink('redis', ['catalog'])];
  for (const body of [
    {},
    { view: 'what' },
    { view: 'catalog', from: '30' },
    { view: 'catalog', since: 'noon' },
    { view: 'catalog', all: 1 },
  ])
    expect(() => replayAction(sinks, 'replay', body)).toThrow(expect.objectContaining({ kind: 'validation-failed' }));
  expect(() => replayAction(sinks, 'replay', { view: 'orders' })).toThrow(
    expect.objectContaining({ kind: 'not-found' }),
  );
});
