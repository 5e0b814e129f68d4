import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { restoringTasks, watchTasks } from './status.ts';

const task = (partition: number, records: number) => ({
  processor: 'pricing',
  partition,
  output: 'views.pricing',
  inputs: [{ topic: 'cdc.catalog', partition, watermark: '0', waiting: 0, records }],
});

test('tasks in order, with the rate between two looks', async () => {
  let looks = 0;
  const server = createServer((_, response) => {
    looks++;
    response.end(
      JSON.stringify({
        tasks: [task(1, 100 * looks), task(0, 50)],
        restoring: [{ task: 'b' }, { task: 'a' }],
        standbys: [{ task: 'd' }, { task: 'c' }],
      }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const watched = await watchTasks([url], 500, () => Promise.resolve());
  expect(watched.map(({ partition, recordsPerSecond }) => [partition, recordsPerSecond])).toEqual([
    [0, 0],
    [1, 200],
  ]);
  const { restoring, standbys } = await restoringTasks([url]);
  expect(restoring.map((one) => one.task)).toEqual(['a', 'b']);
  expect(standbys).toEqual([
    { task: 'c', at: url },
    { task: 'd', at: url },
  ]);
  await new Promise((resolve) => server.close(resolve));
  await expect(watchTasks([url], 1, () => Promise.resolve())).rejects.toMatchObject({ kind: 'engine-unreachable' });
});
