import { expect, test } from '@jest/globals';
import type { RedisClient } from '@millrace/kernel/redis-client';
import { evictionAdvice } from './eviction.ts';

const saying = (info: () => Promise<string>): RedisClient => ({ info }) as never;

test('a server that evicts is told of, with what to do', async () => {
  const advice = await evictionAdvice(saying(() => Promise.resolve('maxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n')));
  expect(advice).toMatch(/allkeys-lru.*noeviction.*millrace verify/);
});

test('one that does not, or does not tell, is not', async () => {
  expect(await evictionAdvice(saying(() => Promise.resolve('maxmemory_policy:noeviction\r\n')))).toBeNull();
  expect(await evictionAdvice(saying(() => Promise.resolve('')))).toBeNull();
  expect(await evictionAdvice(saying(() => Promise.reject(new Error('NOPERM no'))))).toBeNull();
  await expect(evictionAdvice(saying(() => Promise.reject(new Error('gone'))))).rejects.toThrow('gone');
});
