import { expect, test } from '@jest/globals';
import type { RedisClient } from '@millrace/kernel/redis-client';
import { redisNames } from '@millrace/schemas/stores';
import type { RedisNames } from '@millrace/schemas/stores';
import type { ViewEntry } from '@millrace/schemas/views';
import { lsnText } from '@millrace/kernel/position';
import { batchWith, entryAt, exampleProduct } from '../../port/testing/examples.ts';
import { encodeEntry } from '../encoding.ts';
import type { RedisEntry } from '../encoding.ts';
import type { RedisSink } from '../redis-sink.ts';
import { withScripts } from '../schema.ts';
import { SetWriter } from '../set-writer.ts';

export interface SetCases {
  readonly redis: () => RedisClient;
  readonly newPrefix: () => string;
  readonly openSink: (prefix: string) => Promise<RedisSink>;
}

/** Sets and entries have keys of their own: what may come between them. */
export function redisSetCases({ redis, newPrefix, openSink }: SetCases): void {
  const colors = ['red', 'blue', 'green'] as const;
  const at = (lsn: bigint, color: (typeof colors)[number] | null): ViewEntry => {
    const tags = color === null ? [] : [{ tagId: 't', name: 'color', value: color }];
    return entryAt('product', 'p1', lsn, { ...exampleProduct, categoryId: null, tags });
  };
  /** Which colors have the product. */
  async function told(names: RedisNames): Promise<string[]> {
    const scores = await Promise.all(colors.map((color) => redis().zscore(names.productsByTag('color', color), 'p1')));
    return colors.filter((_, index) => scores[index] !== null);
  }
  /** Its first step alone, as a sink does that is killed after it. */
  async function entryOnly(names: RedisNames, entry: ViewEntry, settled = ''): Promise<RedisEntry> {
    const encoded = encodeEntry(names, entry);
    if (encoded === null) throw new Error('Redis holds products');
    await withScripts(redis()).millraceEntries(1, encoded.key, 3_600, settled, encoded.version, encoded.data);
    return encoded;
  }

  test('a sink that ends between an entry and its sets: the entry comes again, and the sets are made right', async () => {
    const prefix = newPrefix();
    const names = redisNames(prefix);
    const sink = await openSink(prefix);
    await sink.write([batchWith(at(1n, 'red'))]);
    await entryOnly(names, at(2n, 'blue'));
    expect(await told(names)).toEqual(['red']);
    await sink.write([batchWith(at(2n, 'blue'))]);
    expect(await told(names)).toEqual(['blue']);
    await entryOnly(names, at(3n, 'red'));
    // Not only by that entry: a newer one, which came meanwhile, knows as much.
    await sink.write([batchWith(at(4n, 'green'))]);
    expect(await told(names)).toEqual(['green']);
    await sink.close();
  });

  test('a deleted entry is taken out of its sets when the delete comes again', async () => {
    const prefix = newPrefix();
    const names = redisNames(prefix);
    const sink = await openSink(prefix);
    await sink.write([batchWith(at(1n, 'red'))]);
    const removed = entryAt('product', 'p1', 2n, null);
    await entryOnly(names, removed);
    expect(await told(names)).toEqual(['red']);
    await sink.write([batchWith(removed)]);
    expect(await told(names)).toEqual([]);
    await sink.write([batchWith(at(1n, 'red'))]);
    expect(await told(names)).toEqual([]);
    await sink.close();
  });

  test('a set that lost its last changes gets them again with the entries', async () => {
    const prefix = newPrefix();
    const names = redisNames(prefix);
    const sink = await openSink(prefix);
    await sink.write([batchWith(at(1n, 'red'))]);
    await sink.write([batchWith(at(2n, 'blue'))]);
    await redis().zadd(names.productsByTag('color', 'red'), 1, 'p1');
    await redis().del(names.productsByTag('color', 'blue'));
    await sink.write([batchWith(at(2n, 'blue'))]);
    expect(await told(names)).toEqual(['blue']);
    await sink.close();
  });

  test('a sink that slept before it told the sets undoes nothing of the one that took its place', async () => {
    const prefix = newPrefix();
    const names = redisNames(prefix);
    const asleep = new SetWriter(redis(), names);
    const of = await entryOnly(names, at(1n, 'red'));
    const awake = await openSink(prefix);
    await awake.write([batchWith(at(2n, 'blue'))]);
    expect(await told(names)).toEqual(['blue']);
    await asleep.apply([{ of, score: '1', member: 'p1', sets: [names.productsByTag('color', 'red')], leaves: [] }]);
    expect(await told(names)).toEqual(['blue']);
    await awake.close();
  });

  test('which sets an entry has left is forgotten once that has settled', async () => {
    const prefix = newPrefix();
    const names = redisNames(prefix);
    const left = (): Promise<string | null> => redis().hget(names.entry('product', 'p1') ?? '', 'left');
    await entryOnly(names, at(1n, 'red'));
    expect(await left()).toBeNull();
    await entryOnly(names, at(2n, 'blue'));
    expect(await left()).toBe(`${lsnText(2n)}\0${names.productsByTag('color', 'red')}`);
    await entryOnly(names, at(3n, 'blue'), lsnText(1n));
    expect(await left()).toBe(`${lsnText(2n)}\0${names.productsByTag('color', 'red')}`);
    await entryOnly(names, at(4n, 'red'), lsnText(1n));
    expect(await left()).toBe(`${lsnText(4n)}\0${names.productsByTag('color', 'blue')}`);
    await entryOnly(names, at(5n, 'red'), lsnText(4n));
    expect(await left()).toBeNull();
    await entryOnly(names, at(6n, null), lsnText(5n));
    expect(await left()).toBe(`${lsnText(6n)}\0${names.productsByTag('color', 'red')}`);
  });
}
