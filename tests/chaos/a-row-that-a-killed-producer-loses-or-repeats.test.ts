import { expect, test } from '@jest/globals';
import { captureCampaign } from '@millrace/cli/chaos';
import { testEngines } from '@millrace/infra-local/testing';

test('killed and paused at random moments, also in its snapshot, the capture gives a plain consumer every row once and in order', async () => {
  const report = await captureCampaign({
    engines: testEngines(),
    seed: 'npm test',
    kills: 6,
    rows: 20_000,
    note: () => undefined,
  });
  expect(report.findings).toEqual([]);
  expect(report).toMatchObject({ kills: 6, lost: 0, duplicated: 0, reordered: 0, invented: 0, differentAtEnd: 0 });
  expect(report.outboxLeft).toBe(0);
  expect(report.producerStarts).toBeGreaterThan(6);
  expect(report.committedSteps).toBeGreaterThan(report.transactions);
  // Longer than any of its steps waits, so that the step says what it waited for.
}, 900_000);
