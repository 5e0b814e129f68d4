import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { customerId } from '../testing/principals.ts';
import { startTestApi } from '../testing/test-api.ts';
import type { TestApi } from '../testing/test-api.ts';

let api: TestApi;
const productId = '0198c1d2-0000-7000-8000-0000000000aa';

beforeAll(async () => {
  api = await startTestApi();
}, 60_000);
afterAll(() => api.close());

const tell = (body: unknown, as: 'nobody' | 'customer' = 'nobody') =>
  api.call('POST', '/api/events', { as, key: null, body });
const rowsOf = async (sessionId: unknown) =>
  (
    await api.sql.query<{ kind: string; product_id: string | null; customer_id: string | null; at: Date }>(
      'select kind, product_id, customer_id, occurred_at as at from commerce.behaviour_events where session_id = $1 order by occurred_at, kind',
      [sessionId],
    )
  ).rows;

test('an event of a visitor without a name begins a session, and others follow it', async () => {
  const began = await tell({ type: 'view', productId });
  expect(began).toMatchObject({ status: 201, body: { accepted: 1, repeated: 0, sessionId: expect.any(String) } });
  expect(api.positions.decode(began.headers['millrace-position'] ?? '')).toBeGreaterThan(0n);
  const { sessionId } = began.body;
  const at = new Date(Date.now() - 60_000).toISOString();
  const more = { sessionId, events: [{ type: 'search', occurredAt: at }, { type: 'checkout' }] };
  expect(await tell(more, 'customer')).toMatchObject({ status: 201, body: { sessionId, accepted: 2 } });
  const rows = await rowsOf(sessionId);
  expect(rows.map(({ kind }) => kind).sort()).toEqual(['checkout', 'search', 'view']);
  expect(rows[0]).toEqual({ kind: 'search', product_id: null, customer_id: customerId, at: new Date(at) });
});

test('an event that is sent again counts once', async () => {
  const sessionId = randomUUID();
  const event = { eventId: randomUUID(), type: 'purchase' };
  const [first, again] = [
    { sessionId, ...event },
    { sessionId, events: [event, event, { type: 'view' }] },
  ];
  expect((await tell(first)).body).toEqual({ sessionId, accepted: 1, repeated: 0 });
  expect((await tell(again)).body).toEqual({ sessionId, accepted: 1, repeated: 2 });
  expect(await rowsOf(sessionId)).toHaveLength(2);
});

test.each([
  ['an unknown type', { type: 'stare' }, 'type'],
  ['no type', { productId }, 'type'],
  ['no event', { events: [] }, 'events'],
  ['too many', { events: Array.from({ length: 101 }, () => ({ type: 'view' })) }, 'events'],
  ['both forms', { productId, events: [{ type: 'view' }] }, 'productId'],
  ['no id', { sessionId: 'me', type: 'view' }, 'sessionId'],
  [
    'what is long ago',
    { events: [{ type: 'view' }, { type: 'view', occurredAt: '2020-01-01T00:00:00Z' }] },
    'events.1.occurredAt',
  ],
  ['what has not happened', { type: 'view', occurredAt: '2100-01-01T00:00:00Z' }, 'occurredAt'],
  ['an unknown field', { type: 'view', price: 1 }, 'price'],
])('%s is refused by name, and nothing of it is taken', async (_, body, field) => {
  const { rows: before } = await api.sql.query('select count(*) from commerce.behaviour_events');
  const answer = await tell(body);
  expect(answer.status).toBe(400);
  const { errors } = answer.body as unknown as { errors: { field: string }[] };
  expect(errors.map((error) => error.field)).toContain(field);
  expect((await api.sql.query('select count(*) from commerce.behaviour_events')).rows).toEqual(before);
});

test('what was told is a fact: the table refuses to change it', async () => {
  const { sessionId } = (await tell({ type: 'view' })).body;
  await expect(
    api.sql.query(`update commerce.behaviour_events set kind = 'purchase' where session_id = $1`, [sessionId]),
  ).rejects.toThrow('are facts');
});
