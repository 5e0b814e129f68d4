import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Principal } from '@millrace/kernel/security';
import { SessionHarness, brief } from './testing/index.ts';

const pos = (lsn: number): string => String(lsn).padStart(20, '0');
const subscribe = (topic: string, resume?: Record<string, string>) => ({
  type: 'subscribe',
  id: '1',
  topics: [topic],
  ...(resume === undefined ? {} : { resume }),
});
const owner = { tenantId: 't', customerId: 'c1', vendorIds: ['v1'] };
const customer: Principal = { subject: 'x', tenantId: 't', roles: ['customer'], customerId: 'c1' };
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('subscribing', () => {
  test('answers subscribed, then a snapshot, then newer updates only', () => {
    const world = new SessionHarness();
    world.publish('stock:a', 10n);
    expect(brief(world.send(subscribe('stock:a')))).toEqual(['subscribed', 'snapshot 10']);
    world.publish('stock:a', 11n);
    world.publish('stock:a', 11n);
    world.publish('stock:a', 9n);
    world.publish('stock:b', 12n);
    expect(brief(world.flush())).toEqual(['update 11']);
  });

  test('what is not there is absent as of what was applied', () => {
    const world = new SessionHarness();
    world.appliedLsn = 42n;
    const [, snapshot] = world.send(subscribe('stock:a'));
    expect(snapshot).toMatchObject({ type: 'snapshot', position: pos(42), data: null });
  });

  test('resume at the current position sends nothing, at an older one a snapshot', () => {
    const world = new SessionHarness();
    world.publish('stock:a', 10n);
    expect(brief(world.send(subscribe('stock:a', { 'stock:a': pos(10) })))).toEqual(['subscribed']);
    expect(brief(world.send(subscribe('stock:a', { 'stock:a': pos(9) })))).toEqual(['subscribed', 'snapshot 10']);
  });

  test('a client ahead of this gateway gets nothing until the gateway has passed it', () => {
    const world = new SessionHarness();
    world.publish('stock:a', 10n);
    expect(brief(world.send(subscribe('stock:a', { 'stock:a': pos(12) })))).toEqual(['subscribed']);
    world.publish('stock:a', 11n);
    world.publish('stock:a', 12n);
    world.publish('stock:a', 13n);
    expect(brief(world.flush())).toEqual(['update 13']);
  });

  test('unsubscribed topics are silent, also those waiting', () => {
    const world = new SessionHarness();
    world.send(subscribe('stock:a'));
    world.publish('stock:a', 11n);
    world.send({ type: 'unsubscribe', topics: ['stock:a'] });
    world.publish('stock:a', 12n);
    expect(world.flush()).toEqual([]);
    expect(world.hub.subscriptions).toBe(0);
  });

  test('bad topics are answered one by one, the good ones go on', () => {
    const world = new SessionHarness({ limits: { maxTopics: 2 } });
    const answers = world.send({
      type: 'subscribe',
      topics: ['stock:a', 'nonsense', 'customer:1:orders', 'price:a', 'product:a', 'order:o'],
    });
    expect(brief(answers)).toEqual(
      [
        'error invalid-topic',
        'error unsupported-topic',
        'error too-many-topics',
        'error too-many-topics',
        'subscribed',
        'snapshot 0000000000',
        'snapshot 0000000000',
      ].map((text) => text.replace(' 0000000000', ' ')),
    );
    expect(answers[1]).toMatchObject({
      topic: 'customer:1:orders',
      message: expect.stringContaining('supported for now'),
    });
  });
});

describe('slow readers', () => {
  test('state topics keep the newest only', () => {
    const world = new SessionHarness();
    world.send(subscribe('stock:a'));
    world.block();
    for (let lsn = 11n; lsn < 20n; lsn++) world.publish('stock:a', lsn);
    expect(world.flush()).toEqual([]);
    expect(brief(world.unblock())).toEqual(['update 19']);
    expect(world.seen.conflated).toBe(8);
  });

  test('order events all arrive while they fit', async () => {
    const world = await knownCustomer();
    world.block();
    for (let lsn = 11n; lsn < 15n; lsn++) world.publish('order:o', lsn, {}, owner);
    world.flush();
    expect(brief(world.unblock())).toEqual(['update 11', 'update 12', 'update 13', 'update 14']);
  });

  test('above the bound a gap is said, then healed by the newest', async () => {
    const world = await knownCustomer();
    world.block();
    for (let lsn = 11n; lsn < 30n; lsn++) world.publish('order:o', lsn, {}, owner);
    world.flush();
    const messages = brief(world.unblock());
    expect(messages[0]).toMatch(/^gap 10 \d\d$/);
    expect(messages.at(-1)).toMatch(/ 29$/);
    expect(world.seen.gaps).toBe(1);
  });

  test('an order resumed at an older position hears of the gap first', async () => {
    const world = await knownCustomer();
    world.publish('order:o', 20n, {}, owner);
    world.flush();
    expect(brief(world.send(subscribe('order:o', { 'order:o': pos(10) })))).toEqual([
      'subscribed',
      'gap 10 20',
      'snapshot 20',
    ]);
  });

  test('whatever is published and however slowly it is read, positions only grow and the newest always arrives', () => {
    const step = fc.oneof(
      fc.record({ publish: fc.constantFrom('stock:a', 'stock:b', 'order:o'), by: fc.integer({ min: -2, max: 3 }) }),
      fc.constantFrom('block', 'unblock', 'flush', 'again'),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const world = new SessionHarness();
        world.session.receive('{"type":"subscribe","topics":["stock:a","stock:b"]}');
        const got = [...world.connection.messages()];
        let lsn = 10;
        for (const action of steps) {
          if (action === 'block') world.block();
          else if (action === 'unblock') got.push(...world.unblock());
          else if (action === 'flush') got.push(...world.flush());
          else if (action === 'again') got.push(...world.send(subscribe('stock:a')));
          else {
            lsn = Math.max(1, lsn + action.by);
            world.publish(action.publish, BigInt(lsn));
          }
        }
        got.push(...world.flush(), ...world.unblock());
        for (const topic of ['stock:a', 'stock:b']) {
          const seen = got.filter((message) => message['topic'] === topic);
          const updates = seen.map((message) => message['position'] as string);
          expect(updates).toEqual([...updates].sort());
          const held = world.states.get(topic);
          if (held !== undefined) expect(updates.at(-1)).toBe(held.position);
        }
      }),
    );
  });

  test('a client that asks without ever reading is cut off', () => {
    const world = new SessionHarness({ limits: { messageBurst: 1e6, messagesPerSecond: 1e6 } });
    world.block();
    for (let i = 0; i < 2_001; i++) world.send({ type: 'ping' });
    expect(world.connection.closedWith).toEqual([4408, 'too-slow']);
  });
});

async function knownCustomer(): Promise<SessionHarness> {
  const world = new SessionHarness();
  world.callers.set('good', customer);
  world.publish('order:o', 10n, {}, owner);
  world.send([{ type: 'auth', token: 'good' }, subscribe('order:o')]);
  await turn();
  expect(brief(world.connection.messages())).toEqual(['subscribed', 'snapshot 10']);
  return world;
}

describe('who may read orders and carts', () => {
  test('nobody without a token; frames behind an auth wait for it', async () => {
    const world = new SessionHarness();
    world.publish('order:o', 10n, {}, owner);
    expect(brief(world.send(subscribe('order:o')))).toEqual(['error unauthenticated', 'subscribed']);
    world.callers.set('good', customer);
    world.holdTokens = true;
    expect(world.send([{ type: 'auth', token: 'good' }, subscribe('order:o')])).toEqual([]);
    world.verify();
    await turn();
    expect(brief(world.connection.messages())).toEqual(['subscribed', 'snapshot 10']);
  });

  test.each([
    ['its customer', customer, true],
    ['another customer', { ...customer, customerId: 'c2' }, false],
    ['a vendor in it', { ...customer, roles: ['vendor'], vendorId: 'v1' }, true],
    ['another vendor', { ...customer, roles: ['vendor'], vendorId: 'v2', customerId: 'c2' }, false],
    ['support', { ...customer, roles: ['support'], customerId: 'c2' }, true],
    ['the admin of another tenant', { ...customer, tenantId: 'u', roles: ['admin'] }, false],
  ] as [string, Principal, boolean][])('%s: %j → %s', async (_, principal, allowed) => {
    const world = new SessionHarness();
    world.callers.set('token', principal);
    world.publish('order:o', 10n, {}, owner);
    world.send([{ type: 'auth', token: 'token' }, subscribe('order:o')]);
    await turn();
    const answers = brief(world.connection.messages());
    expect(answers).toEqual(allowed ? ['subscribed', 'snapshot 10'] : ['error forbidden', 'subscribed']);
  });

  test.each([
    ['its customer', customer, 'c1', true],
    ['another customer', { ...customer, customerId: 'c2' }, 'c1', false],
    ['a vendor', { ...customer, roles: ['vendor'], vendorId: 'v1', customerId: 'c2' }, 'c1', false],
    ['support', { ...customer, roles: ['support'], customerId: 'c2' }, 'c1', true],
    ['a customer, where it has none', customer, null, false],
    ['the admin of another tenant', { ...customer, tenantId: 'u', roles: ['admin'] }, 'c1', false],
  ] as [string, Principal, string | null, boolean][])(
    'a cart: %s (%j) of %s → %s',
    async (_, principal, customerId, allowed) => {
      const world = new SessionHarness();
      world.publish('cart:k', 10n, {}, { tenantId: owner.tenantId, customerId, vendorIds: [] });
      expect(brief(world.send(subscribe('cart:k')))).toEqual(['error unauthenticated', 'subscribed']);
      world.callers.set('token', principal);
      world.send([{ type: 'auth', token: 'token' }, subscribe('cart:k')]);
      await turn();
      const answers = brief(world.connection.messages());
      expect(answers).toEqual(allowed ? ['subscribed', 'snapshot 10'] : ['error forbidden', 'subscribed']);
    },
  );

  test('a bad token is an error, and the topic stays shut', async () => {
    const world = new SessionHarness();
    world.send([{ type: 'auth', token: 'bad', id: 'a' }, subscribe('order:o')]);
    await turn();
    expect(brief(world.connection.messages())).toEqual([
      'error unauthenticated',
      'error unauthenticated',
      'subscribed',
    ]);
  });

  test("an order that turns out to be somebody else's is not shown", async () => {
    const world = new SessionHarness();
    world.callers.set('good', { ...customer, customerId: 'c2' });
    world.send([{ type: 'auth', token: 'good' }, subscribe('order:o')]);
    await turn();
    expect(brief(world.connection.messages())).toEqual(['subscribed', 'snapshot ']);
    world.publish('order:o', 10n, {}, owner);
    expect(brief(world.flush())).toEqual(['error forbidden']);
    expect(world.hub.subscriptions).toBe(0);
  });

  test('a token that has ended shuts the topic', async () => {
    const world = await knownCustomer();
    world.nowMs = 2_000_001;
    world.publish('order:o', 11n, {}, owner);
    expect(brief(world.flush())).toEqual(['error unauthenticated']);
  });
});

describe('bad frames', () => {
  test('each gets an error and disturbs nothing else', () => {
    const world = new SessionHarness();
    world.send(subscribe('stock:a'));
    expect(brief(world.send('no json'))).toEqual(['error not-json']);
    expect(brief(world.send([{ type: 'what' }, { type: 'ping' }]))).toEqual(['error unknown-type', 'pong']);
    world.session.receiveBinary();
    expect(brief(world.connection.messages())).toEqual(['error binary-frame']);
    world.publish('stock:a', 11n);
    expect(brief(world.flush())).toEqual(['update 11']);
  });

  test('too many of them close with 4400; slowly made ones are forgiven', () => {
    const patient = new SessionHarness();
    for (let i = 0; i < 100; i++) {
      patient.nowMs += 10_000;
      patient.send('no json');
    }
    expect(patient.connection.closedWith).toBeNull();
    const hasty = new SessionHarness();
    for (let i = 0; i < 21; i++) hasty.send('no json');
    expect(hasty.connection.closedWith).toEqual([4400, 'protocol']);
  });

  test('too many messages are refused, then the connection closes with 4429', () => {
    const world = new SessionHarness({ limits: { messageBurst: 5, messagesPerSecond: 1 } });
    const answers = Array.from({ length: 6 }, () => brief(world.send({ type: 'ping' }))).flat();
    expect(answers).toEqual(['pong', 'pong', 'pong', 'pong', 'pong', 'error rate-limited']);
    for (let i = 0; i < 20; i++) world.send({ type: 'ping' });
    expect(world.connection.closedWith).toEqual([4429, 'rate-limited']);
  });
});

describe('heartbeat and end', () => {
  test('silence for two and a half intervals ends the session; a sign of life does not', () => {
    const world = new SessionHarness();
    world.nowMs += 2_400;
    world.session.beat();
    expect([world.connection.pings, world.connection.closedWith]).toEqual([1, null]);
    world.session.seen();
    world.nowMs += 2_400;
    world.session.beat();
    expect(world.connection.closedWith).toBeNull();
    world.nowMs += 200;
    world.session.beat();
    expect(world.connection.closedWith).toEqual([4408, 'too-slow']);
  });

  test('drain is said and serving goes on until the end', () => {
    const world = new SessionHarness();
    world.send(subscribe('stock:a'));
    world.session.drain(500);
    world.publish('stock:a', 11n);
    world.hub.flush();
    expect(brief(world.connection.messages())).toEqual(['drain', 'update 11']);
    world.session.end('restart');
    expect(world.connection.closedWith).toEqual([1012, 'restart']);
    expect(world.hub.subscriptions).toBe(0);
  });
});
