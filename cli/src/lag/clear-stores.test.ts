import { describe, expect, test } from '@jest/globals';
import { ownNames } from './clear-stores.ts';

const own = { redisKeyPrefix: 'road1:', searchIndexPrefix: 'road1-', clickhouseDatabase: 'road1' };

describe('what is removed from the stores', () => {
  test('goes by names of its own', () => {
    expect(() => ownNames(own)).not.toThrow();
  });

  test.each([
    [{ redisKeyPrefix: '' }, 'REDIS_KEY_PREFIX'],
    [{ redisKeyPrefix: '*' }, 'REDIS_KEY_PREFIX'],
    [{ redisKeyPrefix: 'a?c' }, 'REDIS_KEY_PREFIX'],
    [{ searchIndexPrefix: '' }, 'SEARCH_INDEX_PREFIX'],
    [{ searchIndexPrefix: 'road1-,orders' }, 'SEARCH_INDEX_PREFIX'],
    [{ searchIndexPrefix: '-orders' }, 'SEARCH_INDEX_PREFIX'],
    [{ clickhouseDatabase: '' }, 'CLICKHOUSE_DATABASE'],
    [{ clickhouseDatabase: 'default' }, 'CLICKHOUSE_DATABASE'],
    [{ clickhouseDatabase: 'millrace' }, 'CLICKHOUSE_DATABASE'],
  ])('is nothing by %p, which others share', (shared, name) => {
    expect(() => ownNames({ ...own, ...shared })).toThrow(`${name}: not a name of its own`);
  });
});
