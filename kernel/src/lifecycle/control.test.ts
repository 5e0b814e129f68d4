import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { PlatformError } from '../errors/index.ts';
import { createMetrics } from '../telemetry/index.ts';
import { startHealthServer } from './health-server.ts';
import type { HealthServer } from './health-server.ts';

let server: HealthServer;
beforeAll(async () => {
  server = await startHealthServer('127.0.0.1', 0, createMetrics('test'), {
    ready: () => ({ ready: true }),
    control: (action, body) => {
      if (action === 'echo') return Promise.resolve({ body });
      if (action === 'clash') return Promise.reject(new PlatformError('conflict', 'not now'));
      return null;
    },
  });
});
afterAll(() => server.close());

const json = { 'content-type': 'application/json' };
async function ask(action: string, init: RequestInit): Promise<[number, unknown]> {
  const response = await fetch(`http://127.0.0.1:${server.port}/control/${action}`, init);
  return [response.status, await response.json()];
}

test('an action gets its JSON object and its answer comes back', async () => {
  expect(await ask('echo', { method: 'POST', headers: json, body: '{"table":"a.b"}' })).toEqual([
    200,
    { body: { table: 'a.b' } },
  ]);
  expect(await ask('echo', { method: 'POST', headers: json })).toEqual([200, { body: {} }]);
});

test("an action's error is told with its kind; an unknown action is not found", async () => {
  expect(await ask('clash', { method: 'POST', headers: json })).toEqual([
    409,
    { error: { kind: 'conflict', message: 'not now' } },
  ]);
  expect((await ask('other', { method: 'POST', headers: json }))[0]).toBe(404);
});

test('what a page in a browser could send without being allowed to is refused', async () => {
  expect((await ask('echo', { method: 'GET' }))[0]).toBe(405);
  expect((await ask('echo', { method: 'POST', body: '{}' }))[0]).toBe(415);
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  expect((await ask('echo', { method: 'POST', headers: form, body: 'a=b' }))[0]).toBe(415);
});

test('a body that is no object, or too large, is refused', async () => {
  expect((await ask('echo', { method: 'POST', headers: json, body: '[1]' }))[0]).toBe(400);
  expect((await ask('echo', { method: 'POST', headers: json, body: '{' }))[0]).toBe(400);
  const large = JSON.stringify({ text: 'x'.repeat(70_000) });
  expect((await ask('echo', { method: 'POST', headers: json, body: large }))[0]).toBe(400);
});
