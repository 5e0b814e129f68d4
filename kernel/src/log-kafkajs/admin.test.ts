import { expect, test } from '@jest/globals';
import type { Kafka } from 'kafkajs';
import { KafkajsAdmin } from './admin.ts';

test('a call that fails late does not end the connection that another has made since', async () => {
  const made: { disconnected: number }[] = [];
  let reconnected: () => void = () => undefined;
  const late = new Promise<void>((resolve) => (reconnected = resolve));
  let asked = 0;
  const admin = () => {
    const connection = { disconnected: 0 };
    const isFirst = made.push(connection) === 1;
    return {
      connect: () => {
        if (!isFirst) reconnected();
        return Promise.resolve();
      },
      disconnect: () => {
        connection.disconnected++;
        return Promise.resolve();
      },
      listTopics: async () => {
        if (!isFirst) return ['orders'];
        if (++asked === 2) await late.then(() => undefined).then(() => undefined);
        throw new Error('the broker went away');
      },
    };
  };
  const log = new KafkajsAdmin({ admin } as unknown as Kafka);
  expect(await Promise.all([log.listTopics(), log.listTopics()])).toEqual([['orders'], ['orders']]);
  expect(made).toEqual([{ disconnected: 1 }, { disconnected: 0 }]);
});
