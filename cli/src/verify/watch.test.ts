import { expect, test } from '@jest/globals';
import { PlatformError } from '@millrace/kernel/errors';
import type { ViewReport } from './verify.ts';
import { watchViews } from './watch.ts';
import type { WatchPass, Watched } from './watch.ts';

function report(keys: readonly string[]): ViewReport {
  const differences = keys.map((key) => ({ key, kind: 'missing' as const, fields: [], position: null }));
  return {
    ...{ view: 'orders', store: 'redis', checked: 10, missing: keys.length, extra: 0, different: 0, unsettled: 0 },
    position: '0',
    differences,
  };
}

/** What each pass's sample finds, and what a second look at it does. */
function watched(
  samples: readonly (readonly string[] | Error)[],
  again: (keys: readonly string[]) => readonly string[],
) {
  const asked: (readonly string[])[] = [];
  const view: Watched = {
    view: 'orders',
    store: 'redis',
    sampled: (pass) => {
      const found = samples[pass - 1] ?? [];
      return found instanceof Error ? Promise.reject(found) : Promise.resolve(report(found));
    },
    again: (keys) => {
      asked.push(keys);
      return Promise.resolve(report(again(keys)));
    },
  };
  return { view, asked };
}

async function watch(view: Watched, most: number) {
  const stop = new AbortController();
  const passes: WatchPass[] = [];
  const ended = await watchViews([view], {
    everyMs: 0,
    signal: stop.signal,
    onPass: (pass) => {
      passes.push(pass);
      if (passes.length === most) stop.abort();
    },
  });
  return { ended, passes };
}

test('a difference that is there in the next pass too ends it', async () => {
  const { view, asked } = watched([[], ['a', 'b'], []], () => ['b']);
  const { ended, passes } = await watch(view, 10);
  expect(ended).toBe('different');
  expect(passes).toHaveLength(3);
  expect(asked).toEqual([['a', 'b']]);
  expect(passes[2]?.lasting.flatMap(({ differences }) => differences.map(({ key }) => key))).toEqual(['b']);
});

test('one that is mended meanwhile is told, and it goes on until it is stopped', async () => {
  const { view } = watched([['a'], [], []], () => []);
  const { ended, passes } = await watch(view, 4);
  expect(ended).toBe('stopped');
  expect(passes.map(({ reports }) => reports[0]?.missing)).toEqual([1, 0, 0, 0]);
});

test('a view that is late is told of as late, what was wrong in it is looked at again later, and other failures end it', async () => {
  const late = new PlatformError('view-behind', 'late');
  const { view, asked } = watched([['a'], late, []], (keys) => (asked.length > 1 ? keys : []));
  const { ended, passes } = await watch(view, 10);
  expect(passes[1]).toMatchObject({ reports: [], late: [{ view: 'orders', reason: 'late' }] });
  expect(asked).toEqual([['a'], ['a']]);
  expect(ended).toBe('different');
  const broken = watched([new Error('no')], () => []);
  await expect(watch(broken.view, 1)).rejects.toThrow('no');
});
