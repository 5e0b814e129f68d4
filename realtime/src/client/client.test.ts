import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { closeCodes, createRealtimeClient } from './index.ts';
import type { TopicEvent, WebSocketLike } from './index.ts';
import { reconnectDelayMs } from './backoff.ts';

type Listener = (event: never) => void;

class FakeSocket implements WebSocketLike {
  readonly sent: Record<string, unknown>[] = [];
  closed = false;
  readonly #listeners = new Map<string, Listener>();

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }
  close(): void {
    this.closed = true;
  }
  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, listener);
  }
  emit(type: string, event: unknown = {}): void {
    this.#listeners.get(type)?.(event as never);
  }
  say(...messages: unknown[]): void {
    this.emit('message', { data: JSON.stringify(messages.length === 1 ? messages[0] : messages) });
  }
}

function harness(token?: () => string) {
  const sockets: FakeSocket[] = [];
  const timers: { task: () => void; ms: number }[] = [];
  const statuses: string[] = [];
  const client = createRealtimeClient({
    url: 'ws://x/rt',
    ...(token === undefined ? {} : { token }),
    connect: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
    random: () => 0.5,
    schedule: (task, ms) => {
      const timer = { task, ms };
      timers.push(timer);
      return () => void timers.splice(timers.indexOf(timer), 1);
    },
    onStatus: (status) => void statuses.push(status),
  });
  const fire = (): number => {
    const timer = timers.shift();
    timer?.task();
    return timer?.ms ?? -1;
  };
  return { client, sockets, timers, statuses, fire };
}
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
const pos = (lsn: number): string => String(lsn).padStart(20, '0');
const state = (type: string, topic: string, lsn: number) => ({
  type,
  topic,
  position: pos(lsn),
  committedAt: 'then',
  data: { lsn },
});

async function opened(world: ReturnType<typeof harness>): Promise<FakeSocket> {
  const socket = world.sockets.at(-1)!;
  socket.emit('open');
  await settle();
  return socket;
}

describe('the client', () => {
  test('subscribes once connected, several topics of one turn together, the token first', async () => {
    const world = harness(() => 'jwt');
    world.client.subscribe(['stock:a', 'stock:b'], () => undefined);
    const socket = await opened(world);
    expect(socket.sent).toEqual([
      { type: 'auth', token: 'jwt' },
      { type: 'subscribe', id: '1', topics: ['stock:a', 'stock:b'], resume: {} },
    ]);
    world.client.subscribe('price:a', () => undefined);
    world.client.subscribe('price:b', () => undefined);
    await settle();
    expect(socket.sent.at(-1)).toMatchObject({ topics: ['price:a', 'price:b'] });
  });

  test('never hands out a position at or below the last one, whatever a gateway sends', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 40 }), async (lsns) => {
        const world = harness();
        const seen: string[] = [];
        world.client.subscribe('stock:a', (event) => {
          if (event.type === 'update') seen.push(event.position);
        });
        const socket = await opened(world);
        for (const lsn of lsns) socket.say(state('update', 'stock:a', lsn));
        expect(seen).toEqual([...new Set(seen)].sort());
        if (lsns.length > 0) expect(seen.at(-1)).toBe(pos(Math.max(...lsns)));
      }),
    );
  });

  test('reconnects after a broken connection, asking to go on where each topic was', async () => {
    const world = harness();
    world.client.subscribe(['stock:a', 'stock:b'], () => undefined);
    const first = await opened(world);
    first.say(state('snapshot', 'stock:a', 10));
    first.emit('close', { code: 1006 });
    expect(world.client.status).toBe('waiting');
    expect(world.fire()).toBe(550);
    const second = await opened(world);
    expect(second.sent).toEqual([
      { type: 'subscribe', id: '2', topics: ['stock:a', 'stock:b'], resume: { 'stock:a': pos(10) } },
    ]);
    first.say(state('update', 'stock:a', 99));
    expect(world.statuses).toEqual(['connecting', 'open', 'waiting', 'connecting', 'open']);
  });

  test('waits longer each time in vain, and not after a code that forbids coming back', () => {
    const world = harness();
    const waits = Array.from({ length: 9 }, () => {
      world.sockets.at(-1)!.emit('close', { code: 1006 });
      return world.fire();
    });
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(waits.at(-1)).toBe(30_000);
    world.sockets.at(-1)!.emit('close', { code: 4400 });
    expect([world.client.status, world.timers.length]).toEqual(['closed', 0]);
  });

  test('each code of the contract keeps its range at the first try', () => {
    for (const { code, reconnectMs } of Object.values(closeCodes)) {
      const [least, most] = [reconnectDelayMs(code, 0, () => 0), reconnectDelayMs(code, 0, () => 1)];
      expect([least, most]).toEqual(reconnectMs === null ? [null, null] : [...reconnectMs]);
    }
  });

  test('a drain frame moves it within the time given, before the gateway closes', async () => {
    const world = harness();
    const socket = await opened(world);
    socket.say({ type: 'drain', reconnectWithinMs: 1_000 });
    expect(world.client.status).toBe('open');
    expect(world.fire()).toBe(500);
    expect([socket.closed, world.sockets.length]).toEqual([true, 2]);
  });

  test('a topic has one subscription for all its handlers; a later one gets the state at hand', async () => {
    const world = harness();
    const [early, late]: TopicEvent[][] = [[], []];
    const stopEarly = world.client.subscribe('stock:a', (event) => void early!.push(event));
    const socket = await opened(world);
    socket.say(state('snapshot', 'stock:a', 10), state('update', 'stock:a', 11));
    const stopLate = world.client.subscribe('stock:a', (event) => void late!.push(event));
    await settle();
    expect(late).toMatchObject([{ type: 'snapshot', position: pos(11) }]);
    expect(socket.sent).toHaveLength(1);
    stopEarly();
    socket.say(state('update', 'stock:a', 12));
    expect([early!.length, late!.length]).toEqual([2, 2]);
    stopLate();
    expect(socket.sent.at(-1)).toEqual({ type: 'unsubscribe', topics: ['stock:a'] });
  });

  test('a refused topic is told once and not asked again until the token changes', async () => {
    const world = harness();
    const events: TopicEvent[] = [];
    world.client.subscribe(['order:o', 'stock:a'], (event) => void events.push(event));
    const socket = await opened(world);
    socket.say({ type: 'error', id: '1', topic: 'order:o', code: 'forbidden', message: 'no' });
    expect(events).toMatchObject([{ type: 'error', code: 'forbidden' }]);
    socket.emit('close', { code: 1006 });
    world.fire();
    expect((await opened(world)).sent).toMatchObject([{ topics: ['stock:a'] }]);
    world.client.refreshToken();
    expect((await opened(world)).sent).toMatchObject([{ topics: ['order:o', 'stock:a'] }]);
  });

  test('closed is final', async () => {
    const world = harness();
    const socket = await opened(world);
    world.client.close();
    socket.emit('close', { code: 1000 });
    expect([world.client.status, world.timers.length, world.sockets.length]).toEqual(['closed', 0, 1]);
  });
});
