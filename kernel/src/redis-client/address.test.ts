import { describe, expect, test } from '@jest/globals';
import { redisAddress } from './address.ts';

describe('REDIS_URL', () => {
  test('is one server', () => {
    expect(redisAddress('redis://127.0.0.1:16379')).toEqual({
      nodes: [{ host: '127.0.0.1', port: 16_379 }],
      isCluster: false,
      db: 0,
      isEncrypted: false,
    });
    expect(redisAddress('rediss://me:a%40b@cache/3')).toEqual({
      nodes: [{ host: 'cache', port: 6379 }],
      isCluster: false,
      username: 'me',
      password: 'a@b',
      db: 3,
      isEncrypted: true,
    });
  });

  test('or several nodes of a cluster, of which the first says how to be let in', () => {
    const nodes = [
      { host: 'a', port: 7000 },
      { host: 'b', port: 6379 },
    ];
    const cluster = { nodes, isCluster: true };
    expect(redisAddress('redis://:secret@a:7000,redis://b')).toMatchObject({ ...cluster, password: 'secret' });
    expect(redisAddress('redis://a:7000, b')).toMatchObject(cluster);
    expect(redisAddress('redis://[::1]:7000,[::2]:7001').nodes).toEqual([
      { host: '::1', port: 7000 },
      { host: '::2', port: 7001 },
    ]);
  });

  test('or one address of a whole cluster', () => {
    expect(redisAddress('redis://entry:6379?cluster=true')).toMatchObject({ isCluster: true });
    expect(redisAddress('redis://entry:6379?cluster=false')).toMatchObject({ isCluster: false });
  });

  test.each([
    ['redis://a,rediss://b', 'TLS'],
    ['redis://a/1,redis://b', 'no database but 0'],
    ['redis://a/x', 'number of a database'],
    ['redis://a?cluster=perhaps', 'true or false'],
    ['redis://a?cluster=false,redis://b', 'nodes of a cluster'],
    ['redis://:secret@a,', 'no address'],
    ['redis://:secret@', 'no address'],
  ])('%s is refused, without telling secrets', (text, why) => {
    expect(() => redisAddress(text)).toThrow(why);
    expect(() => redisAddress(text)).not.toThrow('secret');
  });
});
