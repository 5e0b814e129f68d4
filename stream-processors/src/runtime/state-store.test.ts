import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Journal } from './journal.ts';
import { MemorySpillDisk, Spill, StateMemory } from './spill/index.ts';
import type { PlacedText } from './spill/index.ts';
import { StateStore } from './state-store.ts';

type Act =
  | { readonly do: 'set'; readonly key: string; readonly value: number }
  | { readonly do: 'delete'; readonly key: string }
  | { readonly do: 'good' | 'undo' | 'result' };

const key = fc.constantFrom('a', 'b', 'c', 'd');
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('set' as const), key, value: fc.integer({ min: 0, max: 5 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), key }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('good' as const, 'undo' as const, 'result' as const) }) },
);

/** What the store holds, as a plain map would: values, what was there at the last result, and in which order keys changed since. */
interface Plain {
  readonly values: Map<string, number>;
  readonly dirty: Map<string, number | undefined>;
}
const copy = ({ values, dirty }: Plain): Plain => ({ values: new Map(values), dirty: new Map(dirty) });

/** Memory for two numbers. */
const TINY = 2;

test.each([
  ['all of it in memory', null],
  ['with most of it on the disk', TINY],
])('a store with its journal is a plain map that is copied before each call, %s', (_which, limitBytes) => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
      const journal = new Journal();
      const spec = { indexes: { parity: (n: number) => `${n % 2}` } };
      const memory = new StateMemory(limitBytes ?? 0);
      const spill = limitBytes === null ? null : new Spill({ memory, open: () => new MemorySpillDisk() });
      const store = new StateStore<number>('_state/x/', journal, spec, spill);
      let plain: Plain = { values: new Map(), dirty: new Map() };
      let before = copy(plain);
      const change = (at: string, value: number | undefined): void => {
        if (!plain.dirty.has(at)) plain.dirty.set(at, plain.values.get(at));
        if (value === undefined) plain.values.delete(at);
        else plain.values.set(at, value);
      };
      for (const one of acts) {
        if (one.do === 'set') {
          store.set(one.key, one.value);
          change(one.key, one.value);
        } else if (one.do === 'delete') {
          store.delete(one.key);
          if (plain.values.has(one.key)) change(one.key, undefined);
        } else if (one.do === 'undo') {
          journal.rollback();
          plain = copy(before);
        } else {
          journal.clear();
          if (one.do === 'result') {
            for (const slot of store.dirty) store.takeJson(slot);
            store.clean();
            plain.dirty.clear();
          }
          while (store.putAside(1) > 0);
          if (one.do === 'result') expect(memory.overBytes).toBe(0);
          before = copy(plain);
        }
        expect(store.size).toBe(plain.values.size);
        expect([...store.keys()].sort()).toEqual([...plain.values.keys()].sort());
        expect(store.dirty.map((slot) => [slot.key, slot.previous, store.takeJson(slot)])).toEqual(
          [...plain.dirty].map(([at, previous]) => [at, previous, plain.values.get(at)?.toString() ?? null]),
        );
        for (const at of ['a', 'b', 'c', 'd']) expect(store.get(at)).toBe(plain.values.get(at));
        for (const slot of store.slots()) {
          const asOfResult = plain.dirty.has(slot.key) ? plain.dirty.get(slot.key) : plain.values.get(slot.key);
          expect(store.asOfResult(slot)).toBe(JSON.stringify(asOfResult));
        }
        for (const parity of ['0', '1']) {
          const found = [...plain.values].filter(([, value]) => `${value % 2}` === parity).map(([at]) => at);
          expect([...store.keysBy('parity', parity)].sort()).toEqual(found.sort());
        }
      }
    }),
  );
});

test('what was restored is there before and after it is asked for, replaced or taken away', () => {
  const journal = new Journal();
  const store = new StateStore<{ n: number } | null>('_state/x/', journal);
  for (const [key, json] of Object.entries({ a: '{"n":1}', b: '{"n":2}', c: 'null', d: '{"n":4}' }))
    store.load(key, json);
  expect([store.size, [...store.keys()]]).toEqual([4, ['a', 'b', 'c', 'd']]);
  // A newer record of the key, as the log has it.
  store.load('b', '{"n":3}');
  store.load('d', null);
  store.load('e', null);
  expect([store.size, [...store.keys()]]).toEqual([3, ['a', 'b', 'c']]);
  expect([store.get('a'), store.get('b'), store.get('c'), store.get('d')]).toEqual([
    { n: 1 },
    { n: 3 },
    null,
    undefined,
  ]);
  store.load('a', '{"n":5}');
  store.delete('a');
  expect([store.size, store.get('a')]).toEqual([2, undefined]);
  journal.rollback();
  expect([store.size, store.get('a'), store.dirty.length]).toEqual([3, { n: 5 }, 0]);
});

test('what is restored beyond the memory is on the disk, and what is asked for often stays', () => {
  const memory = new StateMemory(40);
  const spill = new Spill({ memory, open: () => new MemorySpillDisk() });
  const store = new StateStore<number>('_state/x/', new Journal(), { indexes: {} }, spill);
  for (let at = 0; at < 10; at++) store.load(String(at), `${1_000_000 + at}`);
  expect(memory.usedBytes).toBe(70);
  expect(store.get('0')).toBe(1_000_000);
  expect(store.putAside(100)).toBe(5);
  expect([memory.usedBytes, spill.values, store.size]).toEqual([35, 5, 10]);
  // The first was asked for: those after it went.
  expect([...store.slots()].filter(({ place }) => place > 0).map(({ key }) => key)).toEqual(['1', '2', '3', '4', '5']);
  for (let at = 0; at < 10; at++) expect(store.get(String(at))).toBe(1_000_000 + at);
});

test('a value that came back and did not change is not written again, and one that changed is', () => {
  const written: string[] = [];
  class Watched extends MemorySpillDisk {
    override write(texts: readonly PlacedText[]): void {
      written.push(...texts.map(({ json }) => json));
      super.write(texts);
    }
  }
  const spill = new Spill({ memory: new StateMemory(0), open: () => new Watched() });
  const store = new StateStore<number>('_state/x/', new Journal(), { indexes: {} }, spill);
  store.load('a', '1');
  expect([store.putAside(1), store.get('a'), store.putAside(1), store.get('a'), written]).toEqual([1, 1, 1, 1, ['1']]);
  store.set('a', 2);
  for (const slot of store.dirty) store.takeJson(slot);
  store.clean();
  expect([store.putAside(1), store.get('a'), spill.values, written]).toEqual([1, 2, 1, ['1', '2']]);
});

test('a commit larger than the memory: what is new in it is on the disk before its result, what it replaces stays for it', () => {
  const memory = new StateMemory(0);
  const spill = new Spill({ memory, open: () => new MemorySpillDisk() });
  const journal = new Journal();
  const store = new StateStore<number>('_state/x/', journal, { indexes: {} }, spill);
  store.load('old', '1');
  for (const key of ['old', 'new', 'gone']) store.set(key, 2);
  journal.clear();
  expect([store.putAside(10), spill.values]).toEqual([2, 2]);
  store.delete('gone');
  journal.clear();
  expect(store.dirty.map((slot) => [slot.key, slot.previous, store.takeJson(slot)])).toEqual([
    ['old', 1, '2'],
    ['new', undefined, '2'],
    ['gone', undefined, null],
  ]);
  store.clean();
  expect([store.size, store.get('new'), [...store.keys()]]).toEqual([2, 2, ['old', 'new']]);
});

test('a task that ends gives its memory back', async () => {
  const memory = new StateMemory(1);
  const spill = new Spill({ memory, open: () => new MemorySpillDisk() });
  const store = new StateStore<number>('_state/x/', new Journal(), { indexes: {} }, spill);
  for (const key of ['a', 'b']) store.load(key, '12345');
  store.putAside(1);
  expect(memory.usedBytes).toBe(5);
  await spill.close();
  expect(memory.usedBytes).toBe(0);
});
