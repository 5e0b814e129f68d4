import { expect, test } from '@jest/globals';
import { typesCampaign } from '@millrace/cli/chaos';
import { testEngines } from '@millrace/infra-local/testing';

const campaign = (binary: boolean) =>
  typesCampaign({ engines: testEngines(), seed: 'npm test', binary, seconds: 3, note: () => undefined });

test('every type, from the snapshot and from the stream, comes back as the text that Postgres prints', async () => {
  const report = await campaign(false);
  expect(report.differences).toEqual([]);
  expect(report.wireFormat).toMatch(/^text/);
  expect(report.types).toBeGreaterThan(80);
  expect(report.snapshotRows).toBeGreaterThan(100);
  expect(report.streamRows).toBeGreaterThan(report.snapshotRows);
}, 120_000);

test('the same of every type whose rows come in binary form', async () => {
  const report = await campaign(true);
  expect(report.differences).toEqual([]);
  expect(report.wireFormat).toBe('binary');
  expect(report.types).toBeGreaterThan(20);
  expect(report.streamRows).toBeGreaterThan(report.snapshotRows);
}, 120_000);
