import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { closeCodeOf, committedAtText, defaultLimits, encode, frameOf, parseFrame, parseTopic } from './index.ts';
import type { Parsed } from './index.ts';

const parse = (value: unknown): Parsed[] =>
  parseFrame(typeof value === 'string' ? value : JSON.stringify(value), defaultLimits);
const codeOf = (parsed: Parsed | undefined): string | null =>
  parsed !== undefined && 'problem' in parsed ? parsed.problem.code : null;
const topicText = fc.stringMatching(/^(stock|price|product|order):[A-Za-z0-9._-]{1,64}$/);
const positionText = fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }).map((lsn) => lsn.toString().padStart(20, '0'));

describe('frames from clients', () => {
  test('no text makes the parser throw, and each message gets a message or a problem', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), fc.string({ unit: 'binary' })), (text) => {
        const parsed = parse(text);
        expect(parsed.length).toBeGreaterThan(0);
        for (const item of parsed) expect('message' in item || 'problem' in item).toBe(true);
      }),
    );
  });

  test('subscribe reads back as written, alone and in an array', () => {
    fc.assert(
      fc.property(fc.uniqueArray(topicText, { minLength: 1, maxLength: 20 }), positionText, (topics, position) => {
        const sent = { type: 'subscribe', id: '1', topics, resume: { [topics[0]!]: position } };
        const expected = { message: { type: 'subscribe', id: '1', topics, resume: new Map([[topics[0]!, position]]) } };
        expect(parse(sent)).toEqual([expected]);
        expect(parse([sent, { type: 'ping' }])).toEqual([expected, { message: { type: 'ping' } }]);
      }),
    );
  });

  test.each([
    ['{', 'not-json'],
    ['hello', 'not-json'],
    ['', 'not-json'],
    ['7', 'invalid-message'],
    ['null', 'invalid-message'],
    ['[]', 'invalid-message'],
    ['{}', 'unknown-type'],
    ['{"type":"publish"}', 'unknown-type'],
    ['{"type":"auth"}', 'invalid-message'],
    ['{"type":"subscribe"}', 'invalid-message'],
    ['{"type":"subscribe","topics":[]}', 'invalid-message'],
    ['{"type":"subscribe","topics":[1]}', 'invalid-message'],
    ['{"type":"subscribe","topics":["stock:1"],"resume":[]}', 'invalid-message'],
    ['{"type":"subscribe","topics":["stock:1"],"resume":{"stock:1":"x"}}', 'invalid-position'],
    ['{"type":"ping","id":7}', 'invalid-message'],
  ])('%s is %s', (text, code) => {
    expect(codeOf(parse(text)[0])).toBe(code);
  });

  test('a frame over the limit is refused unread, by bytes and not by characters', () => {
    expect(codeOf(parse(`"${'é'.repeat(40_000)}"`)[0])).toBe('too-large');
    expect(codeOf(parse(JSON.stringify(Array(101).fill({ type: 'ping' })))[0])).toBe('invalid-message');
  });

  test('short positions are padded, so that text order stays number order', () => {
    const [parsed] = parse({ type: 'subscribe', topics: ['stock:1'], resume: { 'stock:1': '42' } });
    expect(parsed).toMatchObject({ message: { resume: new Map([['stock:1', '00000000000000000042']]) } });
  });
});

describe('topics', () => {
  test('known kinds with an id are topics; later ones are named as such; the rest is invalid', () => {
    expect(parseTopic('order:01-a')).toEqual({ text: 'order:01-a', kind: 'order', id: '01-a' });
    expect(parseTopic('customer:7:orders')).toBe('unsupported-topic');
    expect(parseTopic('vendor:7:orders')).toBe('unsupported-topic');
    expect(parseTopic('cart:7')).toEqual({ text: 'cart:7', kind: 'cart', id: '7' });
    for (const text of [
      '',
      'stock',
      'stock:',
      'stock:a:b',
      'stock:"',
      '_watermark',
      'movement:1',
      `stock:${'x'.repeat(65)}`,
    ]) {
      expect(parseTopic(text)).toBe('invalid-topic');
    }
  });
});

describe('frames to clients', () => {
  test('whatever the data, a frame is JSON with the message as given', () => {
    fc.assert(
      fc.property(topicText, positionText, fc.jsonValue(), (topic, position, data) => {
        const committedAt = committedAtText(1_700_000_000_123_456);
        const text = encode.state('update', topic, position, committedAt, JSON.stringify(data));
        const message: unknown = JSON.parse(JSON.stringify({ type: 'update', topic, position, committedAt, data }));
        expect(JSON.parse(frameOf([text]))).toEqual(message);
        expect(JSON.parse(frameOf([text, encode.pong(undefined)]))).toEqual([message, { type: 'pong' }]);
      }),
    );
  });

  test('commit times keep their microseconds', () => {
    expect(committedAtText(1_700_000_000_123_456)).toBe('2023-11-14T22:13:20.123456Z');
    expect(committedAtText(0)).toBe('1970-01-01T00:00:00.000000Z');
  });

  test('an unknown close code is treated as a broken connection', () => {
    expect(closeCodeOf(4999).name).toBe('abnormal');
    expect(closeCodeOf(1012).reconnectMs).not.toBeNull();
    expect(closeCodeOf(4400).reconnectMs).toBeNull();
  });
});
