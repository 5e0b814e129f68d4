import { afterEach, expect, test } from '@jest/globals';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PlatformError } from '@millrace/kernel/errors';
import { CaptureClient } from '../../capture/index.ts';
import type { TimedAct } from './acts.ts';
import { Operator } from './operator.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

/** A process whose control port answers; `dies` after that many answers. */
async function producer(dies = Infinity) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.end(JSON.stringify({ resnapshots: [] }), () => {
      if (asked.length >= dies) server.close().closeAllConnections();
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = new CaptureClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return {
    asked,
    client,
    get running() {
      return server.listening;
    },
  };
}

function* oneHold(): Generator<TimedAct, never> {
  yield { kind: 'hold', forMs: 0, afterMs: 0 };
  for (;;) yield { kind: 'hold', forMs: 0, afterMs: 1_000_000 };
}

test('a producer that is killed while an operator has paused it is not waited for', async () => {
  const killed = await producer(1);
  const next = await producer();
  const operator = new Operator({
    databaseUrl: 'not used',
    acts: oneHold(),
    producer: () => (killed.running ? killed : next),
    patienceMs: 600_000,
  });
  while (killed.running) await new Promise(setImmediate);
  expect(await operator.stop()).toEqual([]);
  expect(operator.counts.hold).toBe(1);
  expect(killed.asked).toEqual(['/control/pause']);
  expect(next.asked).toEqual(['/control/resnapshots']);
});

test('a pause whose answer was lost is taken back, and made again', async () => {
  const { client, asked } = await producer();
  let lost = 0;
  client.pause = async () => {
    const answer = await CaptureClient.prototype.pause.call(client);
    if (lost++ === 0) throw new PlatformError('engine-unreachable', 'no answer in time');
    return answer;
  };
  const operator = new Operator({
    databaseUrl: 'not used',
    acts: oneHold(),
    producer: () => ({ client, running: true }),
    patienceMs: 600_000,
  });
  while (asked.length === 0) await new Promise(setImmediate);
  expect(await operator.stop()).toEqual([]);
  const once = ['/control/pause', '/control/resume'];
  expect(asked).toEqual([...once, ...once, '/control/resnapshots']);
});
