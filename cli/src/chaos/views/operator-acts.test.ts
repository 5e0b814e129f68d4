import { expect, test } from '@jest/globals';
import { viewNames } from '@millrace/schemas/stores';
import { argumentsOf, operatorActs } from './operator-acts.ts';

function first(seed: string, count: number): string[] {
  const acts = operatorActs(seed);
  return Array.from({ length: count }, () => argumentsOf(acts.next().value).join(' '));
}

test('a seed has the same acts again, and every view is rebuilt, rolled back and dropped', () => {
  expect(first('a seed', 200)).toEqual(first('a seed', 200));
  expect(first('another', 200)).not.toEqual(first('a seed', 200));
  const given = first('a seed', 500);
  for (const view of viewNames) {
    expect(given).toContain(`rebuild ${view} --json`);
    expect(given).toContain(`rollback ${view} --json`);
    expect(given).toContain(`views drop ${view} --json`);
  }
});
