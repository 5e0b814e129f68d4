import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { captureCampaign, startOwnEngines } from '@millrace/cli/chaos';
import type { OwnEngines } from '@millrace/cli/chaos';
import { testHome } from '@millrace/infra-local/testing';

let engines: OwnEngines;
beforeAll(async () => {
  engines = await startOwnEngines(join(testHome.folder, 'chaos-3'), 3);
}, 180_000);
afterAll(() => engines.stop(), 60_000);

test('on three brokers, one killed until its leaders have moved, the capture gives a plain consumer every row once and in order', async () => {
  const report = await captureCampaign({
    engines,
    own: engines,
    seed: 'three',
    kills: 4,
    rows: 5_000,
    outageMs: 2_000,
    note: () => undefined,
  });
  expect(report.findings).toEqual([]);
  expect(report).toMatchObject({ brokers: 3, lost: 0, duplicated: 0, reordered: 0, invented: 0, differentAtEnd: 0 });
  expect(report.kills).toBe(4);
  expect(report.brokerFaults).toBeGreaterThan(0);
  expect(report.outboxLeft).toBe(0);
  // Longer than any of its steps waits, so that the step says what it waited for.
}, 900_000);
