import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { closeCodes, defaultLimits, strikeCodes } from './index.ts';
import type { ErrorCode } from './index.ts';

const docs = readFileSync(new URL('../../../docs/realtime.md', import.meta.url), 'utf8');
const rows = (heading: string): string[][] =>
  (docs.split(`## ${heading}\n`)[1] ?? '')
    .split('\n## ')[0]!
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );

const everyError: Readonly<Record<ErrorCode, true>> = {
  'not-json': true,
  'binary-frame': true,
  'too-large': true,
  'unknown-type': true,
  'invalid-message': true,
  'invalid-topic': true,
  'invalid-position': true,
  'unsupported-topic': true,
  'too-many-topics': true,
  'rate-limited': true,
  unauthenticated: true,
  forbidden: true,
};

test('docs/realtime.md has the close codes as they are', () => {
  const wanted = Object.values(closeCodes).map(({ code, name, reconnectMs, meaning }) => [
    String(code),
    name,
    reconnectMs === null ? 'no' : reconnectMs.join('–'),
    meaning,
  ]);
  expect(rows('Close codes')).toEqual(wanted);
});

test('docs/realtime.md has the error codes as they are', () => {
  const written = rows('Errors').map(([code, , strike]) => [code?.replaceAll('`', ''), strike === 'yes']);
  const wanted = Object.keys(everyError).map((code) => [code, strikeCodes.has(code as ErrorCode)]);
  expect(written.sort()).toEqual(wanted.sort());
});

test('docs/realtime.md has the limits as they are', () => {
  expect(defaultLimits).toMatchObject({ maxFrameBytes: 64 * 1024, hardFrameBytes: 1024 * 1024, maxTopics: 1_000 });
  expect(defaultLimits).toMatchObject({ maxMessagesPerFrame: 100, maxIdLength: 100, maxStrikes: 20 });
  expect(defaultLimits).toMatchObject({ messagesPerSecond: 100, messageBurst: 500 });
});
