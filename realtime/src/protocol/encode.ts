import type { ProtocolProblem } from './messages.ts';

/** Server messages as JSON text. `data` is JSON already: it is built once per update, whoever gets it. */
export const encode = {
  subscribed: (id: string | undefined, topics: readonly string[]): string =>
    JSON.stringify({ type: 'subscribed', ...(id === undefined ? {} : { id }), topics }),
  error: ({ id, topic, code, message }: ProtocolProblem): string =>
    JSON.stringify({
      type: 'error',
      ...(id === undefined ? {} : { id }),
      ...(topic === undefined ? {} : { topic: topic.slice(0, 200) }),
      code,
      message,
    }),
  gap: (topic: string, from: string, to: string): string => JSON.stringify({ type: 'gap', topic, from, to }),
  drain: (reconnectWithinMs: number): string => JSON.stringify({ type: 'drain', reconnectWithinMs }),
  pong: (id: string | undefined): string => JSON.stringify({ type: 'pong', ...(id === undefined ? {} : { id }) }),
  /** Topics and positions hold nothing that JSON escapes. */
  state: (type: 'snapshot' | 'update', topic: string, position: string, committedAt: string, data: string): string =>
    `{"type":"${type}","topic":"${topic}","position":"${position}","committedAt":"${committedAt}","data":${data}}`,
};

/** One frame of the messages: alone as it is, several as an array. */
export function frameOf(messages: readonly string[]): string {
  return messages.length === 1 ? (messages[0] ?? '') : `[${messages.join(',')}]`;
}

/** ISO 8601 UTC with microseconds, as the commit had them. */
export function committedAtText(tsUs: number): string {
  const wholeMs = Math.floor(tsUs / 1000);
  const rest = String(tsUs - wholeMs * 1000).padStart(3, '0');
  return `${new Date(wholeMs).toISOString().slice(0, -1)}${rest}Z`;
}
