import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createAccessTokens } from '@millrace/kernel/security';
import { loadConfig } from '@millrace/kernel/config';
import { apiSettings } from '../settings.ts';
import { stubApp } from '../testing/stub-app.ts';
import { principalOf } from '../testing/principals.ts';
import type { ViewStore } from '../views/view-store.ts';
import type { App } from './app-type.ts';
import type { RouteOptions } from 'fastify';

let app: App;
const routes: RouteOptions[] = [];
let admin: string;
const id = '0198c1d2-0000-7000-8000-000000000001';

beforeAll(async () => {
  app = await stubApp({ onRoute: (route) => routes.push(route) });
  admin = await createAccessTokens(loadConfig(apiSettings, {}).authSecret.reveal()).sign(principalOf('admin'), 600);
});
afterAll(() => app.close());

const send = (
  method: 'POST' | 'PUT' | 'DELETE' | 'GET',
  url: string,
  payload?: unknown,
  headers: Record<string, string> = {},
) =>
  app.inject({
    method,
    url,
    headers: { authorization: `Bearer ${admin}`, 'idempotency-key': 'k', ...headers },
    ...(payload === undefined ? {} : { payload: payload as object }),
  });

describe('wrong input names each wrong field', () => {
  const product = { sku: 'A', name: 'B', basePrice: '1.00' };
  const commands = '/api/commands';
  const price = `${commands}/products/${id}/prices`;
  test.each([
    ['POST', `${commands}/products`, {}, ['sku', 'name', 'basePrice']],
    ['POST', `${commands}/products`, { ...product, basePrice: 1 }, ['basePrice']],
    ['POST', `${commands}/products`, { ...product, basePrice: '0.00' }, ['basePrice']],
    ['POST', `${commands}/products`, { ...product, basePrice: '1.001' }, ['basePrice']],
    ['POST', `${commands}/products`, { ...product, basePrice: '-1' }, ['basePrice']],
    ['POST', `${commands}/products`, { ...product, sku: '' }, ['sku']],
    ['POST', `${commands}/products`, { ...product, sku: 'x'.repeat(101) }, ['sku']],
    ['POST', `${commands}/products`, { ...product, name: 'a\u0000b' }, ['name']],
    ['POST', `${commands}/products`, { ...product, currency: 'XXX' }, ['currency']],
    ['POST', `${commands}/products`, { ...product, status: 'gone' }, ['status']],
    ['POST', `${commands}/products`, { ...product, colour: 'red' }, ['colour']],
    ['POST', `${commands}/products`, { ...product, categoryId: '1; drop table products' }, ['categoryId']],
    ['POST', `${commands}/products`, { ...product, variants: [{ sku: 'a' }, {}] }, ['variants.1.sku']],
    ['POST', `${commands}/products`, [product], ['body']],
    ['PUT', `${commands}/products/${id}`, {}, ['body']],
    ['PUT', `${commands}/products/${id}`, { version: 3 }, ['version']],
    ['PUT', `${commands}/products/1`, { name: 'x' }, ['params.id']],
    ['POST', `${commands}/products/${id}/inventory`, { delta: 1.5 }, ['delta']],
    ['POST', `${commands}/products/${id}/inventory`, { delta: '5' }, ['delta']],
    ['POST', `${commands}/products/${id}/inventory`, { quantity: 5 }, ['delta', 'quantity']],
    ['POST', price, { amount: 'ten', validFrom: 'tomorrow' }, ['amount', 'validFrom']],
    ['POST', `${commands}/orders`, { items: [] }, ['items']],
    ['POST', `${commands}/orders`, { items: [{ productId: id, quantity: 0 }] }, ['items.0.quantity']],
    ['POST', `${commands}/orders`, { items: [{ productId: 'x', quantity: 1 }] }, ['items.0.productId']],
    [
      'POST',
      `${commands}/orders`,
      { items: [{ productId: id, quantity: 1, unitPrice: '0.01' }] },
      ['items.0.unitPrice'],
    ],
    ['POST', `${commands}/orders/${id}/status`, { status: 'lost' }, ['status']],
    ['POST', `${commands}/orders/${id}/cancel`, { why: 'x' }, ['why']],
    ['DELETE', `${commands}/products/${id}/tags/red`, undefined, ['params.tagId']],
    ['POST', '/api/demo/token', { role: 'root' }, ['role']],
    ['GET', '/api/queries/products/abc', undefined, ['params.id']],
  ] as const)('%s %s %j', async (method, url, body, fields) => {
    const answer = await send(method, url, body);
    expect(answer.statusCode).toBe(400);
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    const problem = answer.json<{ type: string; errors: { field: string }[] }>();
    expect(problem.type).toBe('/problems/validation-failed');
    expect(problem.errors.map(({ field }) => field).toSorted()).toEqual([...fields].toSorted());
  });
});

describe('what is wrong with a request as such', () => {
  const json = { 'content-type': 'application/json' };
  test.each([
    ['a body that is no JSON', 'POST', '/api/commands/products', '{"sku":', json, 400, 'malformed-request'],
    ['an empty body', 'POST', '/api/commands/products', '', json, 400, 'malformed-request'],
    [
      'another media type',
      'POST',
      '/api/commands/products',
      '<a/>',
      { 'content-type': 'text/xml' },
      415,
      'unsupported-media-type',
    ],
    [
      'a body too large',
      'POST',
      '/api/commands/products',
      `{"sku":"${'x'.repeat(300_000)}"}`,
      json,
      413,
      'payload-too-large',
    ],
    ['an unknown route', 'GET', '/api/nothing?x=1', undefined, {}, 404, 'not-found'],
    ['an unknown method', 'DELETE', '/api/queries/suggest', undefined, {}, 404, 'not-found'],
    ['a path that cannot be decoded', 'GET', '/api/queries/products/%zz', undefined, {}, 400, 'malformed-request'],
    [
      'a token that is no token',
      'GET',
      '/api/search',
      undefined,
      { authorization: 'Bearer x.y.z' },
      401,
      'unauthenticated',
    ],
    [
      'a scheme we do not know',
      'GET',
      '/api/search',
      undefined,
      { authorization: 'Basic eDp5' },
      401,
      'unauthenticated',
    ],
    [
      'a very long key',
      'POST',
      '/api/commands/orders',
      { items: [{ productId: id, quantity: 1 }] },
      { 'idempotency-key': 'k'.repeat(256) },
      400,
      'validation-failed',
    ],
    [
      'If-Match that is no version',
      'PUT',
      `/api/commands/products/${id}`,
      { name: 'x' },
      { 'if-match': 'latest' },
      400,
      'validation-failed',
    ],
    ['an engine that is away', 'POST', '/api/demo/token', { role: 'customer' }, {}, 503, 'engine-unreachable'],
  ] as const)('%s', async (_name, method, url, body, headers, status, kind) => {
    const answer = await send(method, url, body, headers);
    expect(answer.json()).toMatchObject({ type: `/problems/${kind}`, status });
    expect(answer.statusCode).toBe(status);
    expect(answer.json<{ instance: string }>().instance).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('a failure of our own tells nothing of its cause', async () => {
    const failing = await stubApp({
      views: { entry: () => Promise.reject(new Error('secret at /srv/api.ts:1')) } as unknown as ViewStore,
    });
    const answer = await failing.inject({ method: 'GET', url: `/api/queries/products/${id}` });
    expect(answer.statusCode).toBe(500);
    expect(answer.payload).not.toMatch(/secret|api\.ts/);
    await failing.close();
  });
});

describe('access', () => {
  test('commands want an admin, 401 without a token and 403 with another role', async () => {
    const tokens = createAccessTokens(loadConfig(apiSettings, {}).authSecret.reveal());
    const vendor = `Bearer ${await tokens.sign(principalOf('vendor'), 60)}`;
    const body = { sku: 'A', name: 'B', basePrice: '1' };
    const without = await app.inject({ method: 'POST', url: '/api/commands/products', payload: body });
    expect([without.statusCode, without.headers['www-authenticate']]).toEqual([401, 'Bearer']);
    expect((await send('POST', '/api/commands/products', body, { authorization: vendor })).statusCode).toBe(403);
  });

  test('demo tokens exist only in the demo', async () => {
    const answer = await send('POST', '/api/demo/token', { role: 'admin' });
    const { token } = answer.json<{ token: string }>();
    const tokens = createAccessTokens(loadConfig(apiSettings, {}).authSecret.reveal());
    expect(await tokens.verify(token)).toMatchObject({ roles: ['admin'] });
    const serious = await stubApp({ demo: false });
    expect(
      (await serious.inject({ method: 'POST', url: '/api/demo/token', payload: { role: 'admin' } })).statusCode,
    ).toBe(404);
    expect((await serious.inject({ method: 'GET', url: '/api/ops/views' })).statusCode).toBe(401);
    await serious.close();
  });

  test('answers carry security headers', async () => {
    for (const url of ['/', '/console', '/health', '/api/nothing']) {
      const { headers } = await app.inject({ method: 'GET', url });
      expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY' });
    }
    expect((await app.inject({ method: 'GET', url: '/' })).headers['content-security-policy']).toContain(
      'ws://127.0.0.1:8090',
    );
  });
});

describe('the OpenAPI document', () => {
  test('describes every route of ours, with parameters, bodies, access and problems', async () => {
    const document = (await app.inject({ method: 'GET', url: '/api/openapi.json' })).json<{
      openapi: string;
      components: { schemas: Record<string, unknown> };
      paths: Record<string, Record<string, Operation>>;
    }>();
    expect(document.openapi).toBe('3.1.0');
    expect(Object.keys(document.components.schemas)).toContain('Problem');
    const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(documented.toSorted()).toEqual(ownRoutes().toSorted());
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        expect(operation.summary).toBeTruthy();
        const named = (operation.parameters ?? []).filter((one) => one.in === 'path').map((one) => `{${one.name}}`);
        expect(named.toSorted()).toEqual((path.match(/\{\w+\}/g) ?? []).toSorted());
        expect(Object.keys(operation.responses)).toContain('4XX');
        if (path.startsWith('/api/commands')) {
          expect(operation.security).toEqual([{ bearer: [] }]);
          expect(operation.requestBody !== undefined).toBe(method !== 'delete');
        }
      }
    }
    const references = JSON.stringify(document).match(/#\/components\/schemas\/\w+/g) ?? [];
    for (const reference of references) {
      expect(Object.keys(document.components.schemas)).toContain(reference.split('/').at(-1));
    }
  });

  test('is readable at /docs', async () => {
    const answer = await app.inject({ method: 'GET', url: '/docs/' });
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
  });

  interface Operation {
    readonly summary?: string;
    readonly parameters?: readonly { readonly in: string; readonly name: string }[];
    readonly requestBody?: unknown;
    readonly responses: Record<string, unknown>;
    readonly security?: unknown;
  }

  /** What the router itself knows, without pages and the documentation. */
  function ownRoutes(): string[] {
    return routes
      .filter(({ method, schema }) => method !== 'HEAD' && (schema as { hide?: boolean } | undefined)?.hide !== true)
      .map(({ method, url }) => `${String(method)} ${url.replace(/:(\w+)/g, '{$1}')}`);
  }
});

test('/metrics counts requests by route, never by id', async () => {
  await app.inject({ method: 'GET', url: `/api/queries/products/${id}` });
  const { payload } = await app.inject({ method: 'GET', url: '/metrics' });
  expect(payload).toContain('route="/api/queries/products/:id",method="GET",status="5xx"');
  expect(payload).not.toContain(id);
});
