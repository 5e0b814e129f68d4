import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { PlatformError } from '@millrace/kernel/errors';
import { startHealthServer } from '@millrace/kernel/lifecycle';
import type { HealthServer } from '@millrace/kernel/lifecycle';
import { createMetrics } from '@millrace/kernel/telemetry';
import { parkedAggregates, redriveAll, redriveTargets } from './index.ts';
import type { RedriveReport } from './index.ts';

let server: HealthServer;
let url: string;
const asked: [string, unknown][] = [];
const parkedOf = (topic: string, aggregate: string, sinceLsn: string) => ({
  ...{ topic: `t.${topic}`, aggregate, sinceLsn, error: 'no', records: 2 },
});

beforeAll(async () => {
  server = await startHealthServer('127.0.0.1', 0, createMetrics('test'), {
    ready: () => ({ ready: true }),
    status: () => ({
      tasks: [
        {
          ...{ processor: 'catalog', partition: 1 },
          parked: [parkedOf('views.inventory', 'b', '30'), parkedOf('cdc.catalog', 'b', '20')],
        },
        { processor: 'inventory', partition: 0, parked: [parkedOf('cdc.catalog', 'a', '10')] },
      ],
    }),
    control: (action, body) => {
      asked.push([action, body]);
      if (body['aggregate'] === 'a') return Promise.reject(new PlatformError('conflict', 'the letters are gone'));
      return Promise.resolve({ aggregate: 'b', done: 4, waiting: 0, error: null });
    },
  });
  url = `http://127.0.0.1:${server.port}`;
});
afterAll(() => server.close());

test('an aggregate of a processor is one redrive, first parked first; a refusal holds up no other', async () => {
  const targets = redriveTargets(await parkedAggregates([url], 't.'));
  expect(targets).toMatchObject([
    { processor: 'inventory', aggregate: 'a', topics: ['cdc.catalog'], waiting: 2 },
    { processor: 'catalog', aggregate: 'b', topics: ['cdc.catalog', 'views.inventory'], waiting: 4 },
  ]);
  const waits: number[] = [];
  const told: RedriveReport[] = [];
  const reports = await redriveAll(targets, {
    drops: false,
    rate: 4,
    wait: (ms) => Promise.resolve(void waits.push(ms)),
    onDone: (report) => told.push(report),
  });
  expect(reports.map(({ done, waiting, error }) => [done, waiting, error])).toEqual([
    [0, 2, 'the letters are gone'],
    [4, 0, null],
  ]);
  expect(told).toEqual(reports);
  expect(waits).toEqual([250]);
  expect(asked).toEqual([
    ['redrive', { processor: 'inventory', partition: 0, aggregate: 'a', drop: false }],
    ['redrive', { processor: 'catalog', partition: 1, aggregate: 'b', drop: false }],
  ]);
});

test('where no processor answers, it ends and says so', async () => {
  await expect(parkedAggregates(['http://127.0.0.1:1'], '')).rejects.toMatchObject({ kind: 'engine-unreachable' });
});
