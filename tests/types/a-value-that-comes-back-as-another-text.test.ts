import { expect, test } from '@jest/globals';
import { typesCampaign } from '@millrace/cli/chaos';
import { testEngines } from '@millrace/infra-local/testing';

test('every type, from the snapshot and from the stream, comes back as the text that Postgres prints', async () => {
  const report = await typesCampaign({ engines: testEngines(), seed: 'npm test', seconds: 3, note: () => undefined });
  expect(report.differences).toEqual([]);
  expect(report.types).toBeGreaterThan(80);
  expect(report.snapshotRows).toBeGreaterThan(100);
  expect(report.streamRows).toBeGreaterThan(report.snapshotRows);
}, 120_000);
