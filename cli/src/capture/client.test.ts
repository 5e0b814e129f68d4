import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { PlatformError } from '@millrace/kernel/errors';
import { startHealthServer } from '@millrace/kernel/lifecycle';
import type { HealthServer } from '@millrace/kernel/lifecycle';
import { createMetrics } from '@millrace/kernel/telemetry';
import { CaptureClient, resnapshotEnded } from './index.ts';

let server: HealthServer;
let client: CaptureClient;
const asked: [string, unknown][] = [];
let looks = 0;
beforeAll(async () => {
  server = await startHealthServer('127.0.0.1', 0, createMetrics('test'), {
    ready: () => ({ ready: true }),
    status: () => ({ state: 'streaming' }),
    control: (action, body) => {
      asked.push([action, body]);
      if (action === 'pause') return Promise.reject(new PlatformError('conflict', 'nothing is streamed yet'));
      if (action === 'resnapshot-state' && ++looks === 1) {
        return Promise.reject(new PlatformError('conflict', 'the producer is being started again'));
      }
      return Promise.resolve({ id: '7', state: looks > 2 ? 'done' : 'running', rows: looks });
    },
  });
  client = new CaptureClient(`http://127.0.0.1:${server.port}/`);
});
afterAll(() => server.close());

test('what is asked goes to the control port, what it refuses comes back with its kind', async () => {
  expect(await client.status()).toEqual({ state: 'streaming' });
  await client.resnapshot({ topic: 'cdc.catalog', aggregate: 'a', deletes: true });
  await client.resume('commerce.tags');
  expect(asked).toEqual([
    ['resnapshot', { topic: 'cdc.catalog', aggregate: 'a', deletes: true }],
    ['resume', { table: 'commerce.tags' }],
  ]);
  await expect(client.pause()).rejects.toMatchObject({ kind: 'conflict', message: 'nothing is streamed yet' });
});

test('a re-snapshot is waited for, over a restart of the producer too', async () => {
  const seen: number[] = [];
  const state = await resnapshotEnded(client, '7', ({ rows }) => seen.push(rows));
  expect([state.state, state.rows, seen]).toEqual(['done', 3, [2]]);
});

test('where no producer answers, it says so with the address', async () => {
  const nobody = new CaptureClient('http://127.0.0.1:1');
  await expect(nobody.status()).rejects.toMatchObject({
    kind: 'engine-unreachable',
    message: expect.stringContaining('http://127.0.0.1:1'),
  });
});
