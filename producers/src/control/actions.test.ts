import { expect, test } from '@jest/globals';
import { controlAction } from './index.ts';
import type { CaptureControl, ResnapshotRequest } from './index.ts';

const none: CaptureControl = { stream: null, resnapshots: null, tables: null, slot: null };

function held() {
  const stream = {
    paused: false,
    pause: () => void (stream.paused = true),
    resume: () => void (stream.paused = false),
  };
  return stream;
}

test('pause and resume hold and release the stream', async () => {
  const stream = held();
  expect(await controlAction({ ...none, stream }, 'pause', {})).toEqual({ paused: true });
  expect(stream.paused).toBe(true);
  expect(await controlAction({ ...none, stream }, 'resume', {})).toEqual({ paused: false });
  expect(stream.paused).toBe(false);
});

test('resume of a table is the table’s, not the stream’s', async () => {
  const resumed: string[] = [];
  const stream = held();
  stream.pause();
  const tables = { resumeTable: (table: string) => Promise.resolve(resumed.push(table)) };
  await controlAction({ ...none, stream, tables }, 'resume', { table: 'commerce.tags' });
  expect([resumed, stream.paused]).toEqual([['commerce.tags'], true]);
});

test('what cannot be done now is a conflict, an unknown action is none', async () => {
  for (const action of ['pause', 'resume', 'heal', 'resnapshots']) {
    await expect(controlAction(none, action, {})).rejects.toMatchObject({ kind: 'conflict' });
  }
  expect(controlAction(none, 'explode', {})).toBeNull();
});

test('a re-snapshot names a table or a topic, and one aggregate or a range', async () => {
  const asked: ResnapshotRequest[] = [];
  const resnapshots = {
    request: (request: ResnapshotRequest) => {
      asked.push(request);
      return Promise.resolve(null as never);
    },
    list: () => Promise.resolve([]),
    get: () => Promise.resolve(null as never),
    cancel: () => Promise.resolve(null as never),
    hold: () => Promise.resolve(null as never),
  };
  const ask = (body: Record<string, unknown>) => controlAction({ ...none, resnapshots }, 'resnapshot', body);
  await ask({ table: 'commerce.tags' });
  await ask({ topic: 'cdc.catalog', aggregate: 'a', deletes: false });
  await ask({ tables: ['tags', 'vendors'], purpose: 'rebuild 7', rowsPerSecond: 100 });
  expect(asked).toEqual([
    { table: 'commerce.tags', deletes: true },
    { topic: 'cdc.catalog', aggregate: 'a', deletes: false },
    { tables: ['tags', 'vendors'], purpose: 'rebuild 7', rowsPerSecond: 100, deletes: true },
  ]);
  const refused = [
    {},
    { table: 't', topic: 'c' },
    { table: 't', tables: ['u'] },
    { table: 't', rowsPerSecond: 0 },
    { table: 't', aggregate: 'a', from: 'b' },
    { table: 't', form: 'x' },
  ];
  for (const body of refused) await expect(ask(body)).rejects.toMatchObject({ kind: 'validation-failed' });
});

test('a connection to Postgres that ends meanwhile is no fault of the request', async () => {
  const resnapshots = (error: Error): CaptureControl['resnapshots'] => ({
    request: () => Promise.reject(error),
    list: () => Promise.reject(error),
    get: () => Promise.reject(error),
    cancel: () => Promise.reject(error),
    hold: () => Promise.reject(error),
  });
  const ask = (error: Error) => controlAction({ ...none, resnapshots: resnapshots(error) }, 'resnapshots', {});
  const ended = [
    new Error('Client has encountered a connection error and is not queryable'),
    new Error('Connection terminated unexpectedly'),
    Object.assign(new Error('terminating connection'), { code: '57P01' }),
  ];
  for (const error of ended) await expect(ask(error)).rejects.toMatchObject({ kind: 'engine-unreachable' });
  await expect(ask(Object.assign(new Error('denied'), { code: '42501' }))).rejects.toMatchObject({ code: '42501' });
});
