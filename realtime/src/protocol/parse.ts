import type { ClientMessage, ProtocolProblem } from './messages.ts';
import type { ProtocolLimits } from './limits.ts';

export type Parsed = { readonly message: ClientMessage } | { readonly problem: ProtocolProblem };

const POSITION_DIGITS = 20;
const anyPosition = /^\d{1,20}$/;

/** Reads one text frame. Never throws: what is wrong comes back as a problem, in its place among the messages of the frame. */
export function parseFrame(text: string, limits: ProtocolLimits): Parsed[] {
  const bytes = Buffer.byteLength(text);
  if (bytes > limits.maxFrameBytes) {
    return [wrong('too-large', `the frame has ${bytes} bytes, at most ${limits.maxFrameBytes} are taken`)];
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [wrong('not-json', 'the frame is not JSON: send one JSON object, or an array of them, as text')];
  }
  if (!Array.isArray(value)) return [parseMessage(value, limits)];
  if (value.length === 0 || value.length > limits.maxMessagesPerFrame) {
    return [
      wrong('invalid-message', `an array frame holds 1 to ${limits.maxMessagesPerFrame} messages, not ${value.length}`),
    ];
  }
  return value.map((item) => parseMessage(item, limits));
}

function parseMessage(value: unknown, limits: ProtocolLimits): Parsed {
  if (!isObject(value)) return wrong('invalid-message', 'a message is a JSON object with a "type"');
  const rawId = value['id'];
  if (rawId !== undefined && (typeof rawId !== 'string' || rawId.length > limits.maxIdLength)) {
    return wrong('invalid-message', `"id" is a text of at most ${limits.maxIdLength} characters`);
  }
  const id = rawId === undefined ? {} : { id: rawId };
  switch (value['type']) {
    case 'ping':
      return { message: { type: 'ping', ...id } };
    case 'auth':
      if (typeof value['token'] !== 'string') return wrong('invalid-message', 'auth needs "token", a text', id);
      return { message: { type: 'auth', token: value['token'], ...id } };
    case 'unsubscribe': {
      const topics = topicsOf(value['topics']);
      if (topics === null) return wrong('invalid-message', 'unsubscribe needs "topics", an array of texts', id);
      return { message: { type: 'unsubscribe', topics, ...id } };
    }
    case 'subscribe':
      return parseSubscribe(value, id);
    default:
      return wrong('unknown-type', '"type" is none of auth, subscribe, unsubscribe, ping', id);
  }
}

function parseSubscribe(value: Record<string, unknown>, id: { id?: string }): Parsed {
  const topics = topicsOf(value['topics']);
  if (topics === null || topics.length === 0) {
    return wrong('invalid-message', 'subscribe needs "topics", an array of at least one text', id);
  }
  const rawResume = value['resume'] ?? {};
  if (!isObject(rawResume)) return wrong('invalid-message', '"resume" is an object: topic to position', id);
  const resume = new Map<string, string>();
  for (const [topic, position] of Object.entries(rawResume)) {
    if (typeof position !== 'string' || !anyPosition.test(position)) {
      const message = 'a position is the text of 20 digits that a snapshot or update gave';
      return { problem: { code: 'invalid-position', message, topic: topic.slice(0, 200), ...id } };
    }
    resume.set(topic, position.padStart(POSITION_DIGITS, '0'));
  }
  return { message: { type: 'subscribe', topics, resume, ...id } };
}

function topicsOf(value: unknown): string[] | null {
  if (!Array.isArray(value)) return null;
  const topics = value.filter((topic): topic is string => typeof topic === 'string');
  return topics.length === value.length ? [...new Set(topics)] : null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrong(code: ProtocolProblem['code'], message: string, id: { id?: string } = {}): Parsed {
  return { problem: { code, message, ...id } };
}
