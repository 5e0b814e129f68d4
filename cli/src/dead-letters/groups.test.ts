import { expect, test } from '@jest/globals';
import { LetterGroups } from './groups.ts';
import { letterOf } from './letter.ts';
import type { Letter } from './letter.ts';

let next = 0;
function letter(key: string, offset: number, kind: string, processor = 'inventory', atMs = 1_000_000): Letter {
  const headers = Object.entries({
    'millrace.processor': processor,
    'millrace.origin.topic': 't.cdc.catalog',
    'millrace.origin.partition': '2',
    'millrace.origin.offset': String(offset),
    'millrace.error.kind': kind,
    'millrace.error.message': `${kind} at ${offset}`,
    'millrace.position': '00000000000000000020',
  }).map(([name, value]): [string, Buffer] => [name, Buffer.from(value)]);
  const record = { offset: BigInt(next++), timestampMs: atMs, key: Buffer.from(key), value: null, headers };
  return letterOf('t.cdc.catalog.dlq', 2, 't.', record)!;
}

const parked = {
  processor: 'inventory',
  partition: 2,
  topic: 'cdc.catalog',
  sinceLsn: '20',
  error: 'no',
  at: 'http://x',
};

test('letters come together by processor, topic and aggregate; one that was written twice counts once', () => {
  const groups = new LetterGroups();
  for (const one of [
    letter('inventory/a/a/w', 7, 'record-malformed'),
    letter('inventory/a/a/w', 7, 'record-malformed'),
    letter('products/a', 9, 'parked'),
    letter('inventory/b/b/w', 8, 'handler-failed'),
    letter('inventory/a/a/w', 7, 'record-malformed', 'catalog'),
  ]) {
    groups.take(one);
  }
  expect(groups.list([{ ...parked, aggregate: 'a', records: 2 }])).toMatchObject([
    {
      processor: 'inventory',
      topic: 'cdc.catalog',
      aggregate: 'a',
      state: 'parked',
      records: 2,
      waiting: 2,
      kind: 'record-malformed',
    },
    { processor: 'inventory', aggregate: 'b', state: 'past', records: 1, waiting: 0, kind: 'handler-failed' },
    { processor: 'catalog', aggregate: 'a', state: 'past', records: 1 },
  ]);
});

test('what no processor parks is kept, and nothing is claimed where the processors do not answer', () => {
  const groups = new LetterGroups();
  groups.take(letter('stock:a', 7, 'record-malformed', 'sinks/redis'));
  groups.take(letter('inventory/b/b/w', 8, 'handler-failed'));
  expect(groups.list([]).map(({ state }) => state)).toEqual(['kept', 'past']);
  expect(groups.list(null).map(({ state }) => state)).toEqual(['kept', 'unknown']);
});

test('a group is chosen by view, topic, aggregate, kind, time and state', () => {
  const groups = new LetterGroups();
  groups.take(letter('inventory/a/a/w', 7, 'record-malformed', 'inventory', 1_000_000));
  groups.take(letter('inventory/b/b/w', 8, 'handler-failed', 'catalog', 5_000_000));
  const of = (filter: Parameters<LetterGroups['list']>[1]) => groups.list([], filter).map(({ aggregate }) => aggregate);
  expect(of({ view: 'inventory' })).toEqual(['a']);
  expect(of({ topic: 'cdc.orders' })).toEqual([]);
  expect(of({ aggregate: 'b' })).toEqual(['b']);
  expect(of({ kind: 'handler-failed' })).toEqual(['b']);
  expect(of({ since: new Date(2_000_000).toISOString() })).toEqual(['b']);
  expect(of({ before: new Date(2_000_000).toISOString() })).toEqual(['a']);
  expect(of({ state: 'parked' })).toEqual([]);
});

test('what failed without a row has the aggregate for its key; a barrier is no letter', () => {
  expect(letter('a', -1, 'handler-failed')).toMatchObject({
    aggregate: 'a',
    id: expect.stringMatching(/^cdc\.catalog\.dlq\/2\//),
  });
  const barrier = { offset: 0n, timestampMs: 0, key: Buffer.from('_barrier'), value: null, headers: [] };
  expect(letterOf('t.cdc.catalog.dlq', 2, 't.', barrier)).toBeNull();
});

test('a view means each of its logs', () => {
  const groups = new LetterGroups();
  groups.take(letter('products/a', 7, 'handler-failed', 'catalog'));
  groups.take(letter('products/a', 7, 'handler-failed', 'catalog.g4'));
  groups.take(letter('products/a', 7, 'handler-failed', 'pricing'));
  expect(groups.list([], { view: 'catalog' }).map(({ processor }) => processor)).toEqual(['catalog', 'catalog.g4']);
});
