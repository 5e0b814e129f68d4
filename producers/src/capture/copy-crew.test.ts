import { expect, test } from '@jest/globals';
import { shopRelation } from '@millrace/schemas/testing';
import { capturedTables } from '@millrace/schemas/topics';
import type pg from 'pg';
import type { CopyStream } from '../replication/copy-stream.ts';
import { CopyGate, RowThrottle, copyAll } from './copy-crew.ts';
import { copyPlan, copyStatement } from './copy-tasks.ts';

const table = (name: string) => ({
  captured: capturedTables.find((captured) => captured.table === name)!,
  relation: shopRelation(name),
  primaryKey: [],
});

/** A connection whose answer to COPY is given by hand. */
class Copying {
  readonly running: CopyStream[] = [];
  readonly paused: boolean[] = [];

  get client(): pg.Client {
    return { query: (copy: CopyStream) => void this.running.push(copy) } as unknown as pg.Client;
  }

  end(): void {
    this.running.at(-1)?.handleReadyForQuery();
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a large table is cut into parts that leave nothing out; reference tables come first', async () => {
  const sizes = [
    { schema: 'commerce', table: 'products', rows: 900, blocks: 25 },
    { schema: 'commerce', table: 'tags', rows: -1, blocks: 0 },
  ];
  const client = { query: () => Promise.resolve({ rows: sizes }) } as unknown as pg.Client;
  const { tasks, estimatedRows } = await copyPlan(client, [table('products'), table('tags')], 10);
  expect(tasks.map(({ table: { relation }, from, to }) => [relation.table, from, to])).toEqual([
    ['tags', null, null],
    ['products', null, 10],
    ['products', 10, 20],
    ['products', 20, null],
  ]);
  expect(estimatedRows).toBe(900);
  expect(tasks.map(copyStatement).map((text) => text.replace(/select .* from/, 'select … from'))).toEqual([
    'copy (select … from "commerce"."tags") to stdout',
    `copy (select … from "commerce"."products" where ctid < '(10,0)') to stdout`,
    `copy (select … from "commerce"."products" where ctid >= '(10,0)' and ctid < '(20,0)') to stdout`,
    `copy (select … from "commerce"."products" where ctid >= '(20,0)') to stdout`,
  ]);
});

test('tasks go to whoever is free; the first failure ends the others and what was not begun', async () => {
  const [one, two] = [new Copying(), new Copying()];
  const gate = new CopyGate();
  const done: number[] = [];
  const all = copyAll(
    [one.client, two.client],
    [1, 2, 3, 4],
    gate,
    (task) => Promise.resolve({ statement: `copy ${task}`, onLine: () => undefined }),
    (task) => done.push(task),
  );
  await settled();
  expect([one.running.length, two.running.length]).toEqual([1, 1]);
  two.end();
  await settled();
  expect([done, one.running.length, two.running.length]).toEqual([[2], 1, 2]);
  one.running[0]?.fail(new Error('connection lost'));
  await expect(all).rejects.toThrow('connection lost');
  expect([one.running.length, two.running.length]).toEqual([1, 2]);
});

test('copies are held while there is any reason', () => {
  const gate = new CopyGate();
  const copy = { paused: false, pause: () => (copy.paused = true), resume: () => (copy.paused = false) };
  gate.hold('pressure', true);
  gate.add(copy as unknown as CopyStream);
  gate.hold('pace', true);
  gate.hold('pressure', false);
  expect(copy.paused).toBe(true);
  gate.hold('pace', false);
  expect(copy.paused).toBe(false);
});

test('a throttle holds the source for as long as it is ahead', () => {
  let nowMs = 0;
  const timers: { atMs: number; run: () => void }[] = [];
  const held: boolean[] = [];
  const throttle = new RowThrottle(
    1_000,
    {
      nowMs: () => nowMs,
      after: (delayMs, run) => {
        timers.push({ atMs: nowMs + delayMs, run });
        return () => undefined;
      },
    },
    (is) => held.push(is),
  );
  for (let row = 0; row < 128; row++) throttle.took();
  expect([held, timers.map(({ atMs }) => atMs)]).toEqual([[true], [64]]);
  nowMs = 64;
  timers[0]?.run();
  for (let row = 0; row < 64; row++) throttle.took();
  expect(held).toEqual([true, false, true]);
  expect(timers[1]?.atMs).toBe(192);
});
