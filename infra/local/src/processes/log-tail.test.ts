import { expect, test } from '@jest/globals';
import { lastWords } from './log-tail.ts';

test('of a deployable’s log its last error is told, as a sentence with what to do', () => {
  const lines = [
    '{"level":30,"msg":"started"}',
    '{"level":60,"err":{"stack":"at x"},"msg":"There is no topic cdc.orders.","hint":"Create the topics with `millrace migrate`."}',
    '{"level":30,"msg":"ended"}',
  ];
  expect(lastWords(lines)).toBe(' It said: There is no topic cdc.orders. Create the topics with `millrace migrate`.');
});

test('of any other log its last lines', () => {
  expect(lastWords(['one', 'two', '{not json', 'four'])).toBe(' Its last lines: two | {not json | four.');
  expect(lastWords([])).toBe('');
});
