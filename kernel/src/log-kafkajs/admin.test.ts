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

test.each([
  // What kafkajs makes of an answer without the topic.
  ['that a broker of several does not know of yet', new TypeError("Cannot destructure property 'partitions'")],
  ['that nobody leads yet', Object.assign(new Error('not the leader'), { type: 'NOT_LEADER_FOR_PARTITION' })],
])('a topic %s is asked about until the answer is there', async (_case, error) => {
  let asked = 0;
  const admin = () => ({
    connect: () => Promise.resolve(),
    disconnect: () => Promise.resolve(),
    fetchTopicOffsets: () => {
      if (++asked < 5) return Promise.reject(error);
      return Promise.resolve([{ partition: 0, low: '1', high: '3' }]);
    },
  });
  const waits: number[] = [];
  const wait = (ms: number): Promise<void> => Promise.resolve(void waits.push(ms));
  const limits = { attempts: 4, initialMs: 100, maxMs: 1_000, jitter: 0, sleep: wait };
  const log = new KafkajsAdmin({ admin } as unknown as Kafka, limits);
  expect(await log.stableOffsets('orders')).toEqual([{ partition: 0, start: 1n, end: 3n }]);
  expect(waits).toEqual([100, 200, 400]);
});
