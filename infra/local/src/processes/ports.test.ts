import { describe, expect, test } from '@jest/globals';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { isPortFree, listeningInodes, portTakenSentence, refuseTakenPorts } from './ports.ts';

describe('a port that is taken', () => {
  test('is named with its holder and the variable that moves it', () => {
    expect(
      portTakenSentence('Redis', { port: 16379, variable: 'REDIS_URL' }, { pid: 42, command: 'redis-server *:16379' }),
    ).toBe(
      'Redis cannot start: port 16379 is in use by process 42 (redis-server *:16379). End that program, or move Redis to another port with REDIS_URL.',
    );
  });

  test('is named also when nobody knows the holder', () => {
    expect(portTakenSentence('Kafka', { port: 19092, variable: 'KAFKA_BROKERS' }, undefined)).toContain(
      'in use by another program',
    );
  });

  test('is found, and free again once it is closed', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    expect(await isPortFree(port)).toBe(false);
    await expect(refuseTakenPorts('It', [{ port, variable: 'IT_PORT' }])).rejects.toThrow(`port ${port} is in use by`);
    await new Promise((resolve) => server.close(resolve));
    expect(await isPortFree(port)).toBe(true);
  });
});

test('listeners are read out of the table of sockets, connections are not', () => {
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:3FEB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0 100 0 0 10 0',
    '   1: 0100007F:3FEB 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 222 1 0 100 0 0 10 0',
    '   2: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1 0 100 0 0 10 0',
  ].join('\n');
  expect(listeningInodes(table, 0x3feb)).toEqual(['111']);
});
