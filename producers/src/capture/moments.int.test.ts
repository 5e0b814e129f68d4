import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { CaptureHarness, ChildCapture, eventually } from '../testing/index.ts';

let harness: CaptureHarness;
beforeEach(async () => {
  harness = await CaptureHarness.open();
}, 60_000);
afterEach(() => harness.close(), 60_000);

test.each([
  ['when a relation is received whose schema is not registered, and the rows behind it', 'received', 1],
  ['when rows are encoded and nothing of them is sent', 'encoded', 4],
  ['when they are sent and not answered', 'sent', 4],
  ['when the log has them and Postgres has not been told', 'held', 4],
] as const)(
  'killed %s: each row is in the log once and in order',
  async (_what, when, at) => {
    const child = new ChildCapture(harness.environment, { dies: { when, at } });
    harness.onClose(() => child.kill());
    await eventually(() => child.output.includes('"streaming"'), 30_000);
    const written: string[] = [];
    for (let n = 1; child.running; n++) {
      if (n === 5) await harness.sql.query('alter table commerce.tags add column colour text');
      await harness.insertTags(`t${n}`, 3);
      written.push(...[1, 2, 3].map((row) => `t${n}-${row}`));
      // Each in an append of its own.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(child.exitCode).toBeNull();
    await harness.start();
    await harness.insertTags('after', 1);
    const reader = harness.reader();
    await reader.reached(await harness.positionNow(), 60_000);
    expect(reader.problems).toEqual([]);
    expect(reader.changes.filter(({ table }) => table === 'tags').map(({ after }) => after?.['name'])).toEqual([
      ...written,
      'after-1',
    ]);
  },
  120_000,
);
