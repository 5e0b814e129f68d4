import { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { MemoryLog } from '@millrace/kernel/log-memory';
import { MemoryRegistry } from '@millrace/schemas/registry';
import { ViewWriter, orderEntry, stockEntry } from '../feed/testing/index.ts';
import { loadUws } from '../transport/index.ts';
import type { TransportName } from '../transport/index.ts';
import type { GatewayOptions } from './index.ts';
import { RawClient, customerToken, runGateway } from './testing/index.ts';
import type { RunningGateway } from './testing/index.ts';

const uws = await loadUws();
const names: TransportName[] = uws === null ? ['ws'] : ['ws', 'uws'];
const missing = uws === null ? ' (uWebSockets.js does not load here: only ws is tested)' : '';
const CUSTOMER = '01900000-0000-7000-8000-00000000000a';
const OTHER = '01900000-0000-7000-8000-00000000000b';

describe.each(names)(`one suite for every transport: %s${missing}`, (transport) => {
  let log: MemoryLog;
  let registry: MemoryRegistry;
  let writer: ViewWriter;
  const gateways: RunningGateway[] = [];
  const clients: RawClient[] = [];

  beforeEach(async () => {
    log = new MemoryLog();
    registry = new MemoryRegistry();
    writer = await ViewWriter.open(log, registry);
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.socket.terminate();
    for (const gateway of gateways.splice(0)) await gateway.stop().catch(() => undefined);
  });

  async function start(options: Partial<GatewayOptions> = {}): Promise<RunningGateway> {
    const gateway = await runGateway(log, registry, { transport, ...options });
    gateways.push(gateway);
    return gateway;
  }
  async function connect(gateway: RunningGateway): Promise<RawClient> {
    const client = await RawClient.open(gateway.url);
    clients.push(client);
    return client;
  }

  test('subscribed, snapshot, update, resume', async () => {
    await writer.write(stockEntry('a', 10n, 7));
    const gateway = await start();
    expect(gateway.transport).toBe(transport);
    const client = await connect(gateway);
    expect(client.socket.protocol).toBe('millrace.v1');
    expect(client.socket.extensions).toBe('');
    client.send({ type: 'subscribe', id: '1', topics: ['stock:a', 'price:none'] });
    expect(await client.take(3)).toMatchObject([
      { type: 'subscribed', id: '1', topics: ['stock:a', 'price:none'] },
      { type: 'snapshot', topic: 'stock:a', position: '00000000000000000010', data: { available: 7 } },
      { type: 'snapshot', topic: 'price:none', data: null },
    ]);
    await writer.write(stockEntry('a', 11n, 6));
    expect(await client.next()).toMatchObject({
      type: 'update',
      position: '00000000000000000011',
      data: { available: 6 },
    });
    const again = await connect(gateway);
    again.send({ type: 'subscribe', topics: ['stock:a'], resume: { 'stock:a': '00000000000000000011' } });
    expect(await again.settle()).toMatchObject([{ type: 'subscribed' }]);
  });

  test('a frame that is not JSON is answered and disturbs nobody', async () => {
    const gateway = await start();
    const [client, other] = [await connect(gateway), await connect(gateway)];
    for (const each of [client, other]) each.send({ type: 'subscribe', topics: ['stock:a'] });
    await Promise.all([client.take(2), other.take(2)]);
    client.send('this is not JSON');
    expect(await client.next()).toMatchObject({ type: 'error', code: 'not-json' });
    client.socket.send(Buffer.from([1, 2, 3]));
    expect(await client.next()).toMatchObject({ type: 'error', code: 'binary-frame' });
    client.send(`"${'x'.repeat(70_000)}"`);
    expect(await client.next()).toMatchObject({ type: 'error', code: 'too-large' });
    await writer.write(stockEntry('a', 11n, 6));
    expect(await client.next()).toMatchObject({ type: 'update' });
    expect(await other.next()).toMatchObject({ type: 'update' });
  });

  test('repeated nonsense closes with 4400, a frame over the hard limit ends the connection', async () => {
    const gateway = await start();
    const client = await connect(gateway);
    for (let i = 0; i < 25; i++) client.send('nonsense');
    expect(await client.closed).toBe(4400);
    const large = await connect(gateway);
    large.send('x'.repeat(1_100_000));
    expect([1006, 1009]).toContain(await large.closed);
    expect((await fetch(`${gateway.http}/health`)).status).toBe(200);
  });

  test('orders need a token of their customer', async () => {
    await writer.write(orderEntry('o', 10n, CUSTOMER));
    const gateway = await start();
    const client = await connect(gateway);
    client.send({ type: 'subscribe', id: '1', topics: ['order:o'] });
    expect(await client.take(2)).toMatchObject([{ code: 'unauthenticated', topic: 'order:o' }, { topics: [] }]);
    client.send([
      { type: 'auth', token: await customerToken(OTHER) },
      { type: 'subscribe', topics: ['order:o'] },
    ]);
    expect(await client.take(2)).toMatchObject([{ code: 'forbidden' }, { topics: [] }]);
    client.send([
      { type: 'auth', token: await customerToken(CUSTOMER) },
      { type: 'subscribe', topics: ['order:o'] },
    ]);
    expect(await client.take(2)).toMatchObject([
      { topics: ['order:o'] },
      { type: 'snapshot', data: { status: 'pending' } },
    ]);
    await writer.write(orderEntry('o', 11n, CUSTOMER, 'confirmed'));
    expect(await client.next()).toMatchObject({ type: 'update', data: { status: 'confirmed' } });
    client.send({ type: 'auth', id: '9', token: 'forged' });
    expect(await client.next()).toMatchObject({ type: 'error', id: '9', code: 'unauthenticated' });
  });

  test('several updates of one turn leave in one frame', async () => {
    const gateway = await start();
    const client = await connect(gateway);
    client.send({ type: 'subscribe', topics: ['stock:a', 'stock:a2', 'stock:a3'] });
    await client.take(4);
    const { length } = client.frames;
    const entries = ['a', 'a2', 'a3'].map((id) => stockEntry(id, 11n, 1));
    await writer.raw(
      'stock',
      'a',
      entries.flatMap((entry) => writer.recordsOf(entry)),
    );
    expect(await client.take(3)).toMatchObject([{ topic: 'stock:a' }, { topic: 'stock:a2' }, { topic: 'stock:a3' }]);
    expect(client.frames.length - length).toBe(1);
  });

  test('a client that does not read gets the newest when it reads again, and nobody waits for it', async () => {
    const gateway = await start({ highWatermarkBytes: 1_000 });
    const [slow, quick] = [await connect(gateway), await connect(gateway)];
    for (const client of [slow, quick]) client.send({ type: 'subscribe', topics: ['stock:a'] });
    await Promise.all([slow.take(2), quick.take(2)]);
    slow.socket.pause();
    const last = 30_000n;
    const writing = (async () => {
      for (let lsn = 11n; lsn <= last; lsn += 500n) {
        const burst = Array.from({ length: 500 }, (_, index) => stockEntry('a', lsn + BigInt(index), index));
        await writer.raw(
          'stock',
          'a',
          burst.flatMap((entry) => writer.recordsOf(entry)),
        );
        await new Promise((resolve) => setImmediate(resolve));
      }
      await writer.write(stockEntry('a', last + 1_000n, 1));
    })();
    const newest = String(last + 1_000n).padStart(20, '0');
    const drainTo = async (client: RawClient): Promise<string[]> => {
      const positions: string[] = [];
      while (positions.at(-1) !== newest) positions.push((await client.next())['position'] as string);
      return positions;
    };
    await Promise.all([writing, drainTo(quick)]);
    slow.socket.resume();
    const positions = await drainTo(slow);
    expect(positions).toEqual([...new Set(positions)].sort());
    expect(positions.length).toBeLessThan(30_000);
  });

  test('drain is said, then 1012; new clients are refused meanwhile', async () => {
    const gateway = await start({ drainMs: 200 });
    const client = await connect(gateway);
    const stopping = gateway.stop();
    expect(await client.next()).toEqual({ type: 'drain', reconnectWithinMs: 200 });
    await expect(RawClient.open(gateway.url)).rejects.toThrow();
    expect(await client.closed).toBe(1012);
    await stopping;
  });

  test('a gateway whose clients left early does not wait for the rest of the time', async () => {
    const gateway = await start({ drainMs: 60_000 });
    const client = await connect(gateway);
    const stopping = gateway.stop();
    await client.next();
    client.close();
    await stopping;
  }, 10_000);

  test('heartbeats: a client that answers stays, one that does not is cut off', async () => {
    // Both live in this process: a pause of two and a half of these would look like silence.
    const gateway = await start({ heartbeatMs: 1_000 });
    const client = await connect(gateway);
    const dead = await deadClient(gateway.port);
    await new Promise((resolve) => dead.once('close', resolve));
    expect(await client.settle()).toEqual([]);
  }, 30_000);

  test('handshakes are refused: other subprotocol 400, origin 403, full 503; none offered is taken', async () => {
    const gateway = await start({ allowedOrigins: ['https://shop.example'], maxConnections: 2 });
    await expect(RawClient.open(gateway.url, { protocols: ['other.v1'] })).rejects.toThrow('400');
    await expect(RawClient.open(gateway.url, { origin: 'https://evil.example' })).rejects.toThrow('403');
    clients.push(await RawClient.open(gateway.url, { origin: 'https://shop.example' }));
    clients.push(await RawClient.open(gateway.url, { protocols: [] }));
    await expect(RawClient.open(gateway.url)).rejects.toThrow('503');
    await expect(RawClient.open(gateway.url.replace('/rt', '/other'))).rejects.toThrow();
  });

  test('a port in use is said, also by another gateway; a restarted one gets its port back at once', async () => {
    const gateway = await start();
    const client = await connect(gateway);
    await expect(start({ port: gateway.port })).rejects.toMatchObject({ kind: 'port-in-use' });
    await gateway.stop();
    await client.closed;
    expect((await start({ port: gateway.port })).port).toBe(gateway.port);
  });

  test('health, ready, status, metrics and the rest over HTTP', async () => {
    const gateway = await start();
    const client = await connect(gateway);
    client.send({ type: 'subscribe', topics: ['stock:a'] });
    await client.take(2);
    expect(await (await fetch(`${gateway.http}/health`)).json()).toEqual({ status: 'up' });
    expect(await (await fetch(`${gateway.http}/ready`)).json()).toEqual({ ready: true });
    expect(await (await fetch(`${gateway.http}/status`)).json()).toMatchObject({
      transport,
      subscriptions: 1,
      feed: { ready: true },
    });
    const metrics = await (await fetch(`${gateway.http}/metrics`)).text();
    expect(metrics).toContain('millrace_realtime_sessions{kind="websocket"} 1');
    expect((await fetch(`${gateway.http}/rt`)).status).toBe(426);
    expect((await fetch(`${gateway.http}/elsewhere`)).status).toBe(404);
  });

  test('server-sent events: the same messages as data lines', async () => {
    await writer.write(stockEntry('a', 10n, 7));
    await writer.write(orderEntry('o', 10n, CUSTOMER));
    const gateway = await start({ drainMs: 0 });
    expect((await fetch(`${gateway.http}/rt/sse`)).status).toBe(400);
    const headers = { authorization: `Bearer ${await customerToken(CUSTOMER)}` };
    const response = await fetch(`${gateway.http}/rt/sse?topics=stock:a,order:o`, { headers });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    const readTo = async (part: string): Promise<void> => {
      while (!text.includes(part)) text += (await reader.read()).value ?? '';
    };
    await readTo('"type":"snapshot","topic":"order:o"');
    await writer.write(stockEntry('a', 11n, 6));
    await readTo('"position":"00000000000000000011"');
    const frames = [...text.matchAll(/^data: (.*)$/gm)].map((match) => JSON.parse(match[1] ?? '') as unknown);
    expect(frames.flat()).toMatchObject([
      { type: 'subscribed' },
      { topic: 'stock:a' },
      { topic: 'order:o' },
      { type: 'update' },
    ]);
    await reader.cancel();
  });
});

/** A client that shakes hands and then never answers anything. */
async function deadClient(port: number): Promise<Socket> {
  const socket = new Socket();
  await new Promise<void>((resolve) => socket.connect(port, '127.0.0.1', resolve));
  socket.write(
    'GET /rt HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n' +
      'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: millrace.v1\r\n\r\n',
  );
  socket.resume();
  return socket;
}
