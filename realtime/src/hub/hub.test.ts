import { expect, test } from '@jest/globals';
import { TopicState } from '../feed/index.ts';
import { Hub } from './index.ts';

function follower() {
  const log: string[] = [];
  return {
    log,
    enqueue: (state: TopicState) => void log.push(state.position.slice(-2)),
    flush: () => void log.push('flush'),
  };
}
const stock = (id: string, lsn: bigint) => new TopicState('stock', id, { lsn, tsUs: 0 }, {}, null);

test('only followers of a topic get it, and each touched one flushes once', () => {
  const hub = new Hub();
  const [a, b] = [follower(), follower()];
  hub.follow('stock:1', a);
  hub.follow('stock:2', a);
  hub.follow('stock:2', b);
  hub.publish(stock('1', 5n));
  hub.publish(stock('2', 6n));
  hub.publish(stock('3', 7n));
  hub.flush();
  hub.flush();
  expect(a.log).toEqual(['05', '06', 'flush']);
  expect(b.log).toEqual(['06', 'flush']);
});

test('the last follower leaving is told, and counts stay right when one follows or leaves twice', () => {
  const left: string[] = [];
  const hub = new Hub((topic) => void left.push(topic));
  const [a, b] = [follower(), follower()];
  hub.follow('stock:1', a);
  hub.follow('stock:1', a);
  hub.follow('stock:1', b);
  expect(hub.subscriptions).toBe(2);
  hub.unfollow('stock:1', a);
  hub.unfollow('stock:1', a);
  expect([hub.subscriptions, left]).toEqual([1, []]);
  hub.unfollow('stock:1', b);
  expect([hub.subscriptions, hub.isFollowed('stock:1'), left]).toEqual([0, false, ['stock:1']]);
});
