/**
 * `<kind>:<id>`, the same text as the view entry's key. State topics say what is (a slow reader gets the newest only); order topics say what
 * happened (a slow reader is told of a gap, then healed).
 */
export const topicKinds = ['stock', 'price', 'product', 'order', 'cart'] as const;
export type TopicKind = (typeof topicKinds)[number];

/** Named by the interface, not served yet: their entries come from several partitions, so no single position covers them. */
const laterTopics = [/^customer:[^:]+:orders$/, /^vendor:[^:]+:orders$/];
const idPattern = /^[A-Za-z0-9._-]{1,64}$/;
export const supportedTopicsText =
  'supported for now: stock:<productId>, price:<productId>, product:<productId>, order:<orderId>, cart:<cartId>';

export interface Topic {
  readonly text: string;
  readonly kind: TopicKind;
  readonly id: string;
}

export type TopicProblem = 'unsupported-topic' | 'invalid-topic';

export function parseTopic(text: string): Topic | TopicProblem {
  const colon = text.indexOf(':');
  const kind = topicKinds.find((candidate) => candidate === text.slice(0, Math.max(0, colon)));
  if (kind === undefined)
    return laterTopics.some((pattern) => pattern.test(text)) ? 'unsupported-topic' : 'invalid-topic';
  const id = text.slice(colon + 1);
  return idPattern.test(id) ? { text, kind, id } : 'invalid-topic';
}

/** Public topics need no token. */
export function isPublic(kind: TopicKind): boolean {
  return kind !== 'order' && kind !== 'cart';
}

/** Whether only the newest state matters, so that what a slow reader has not read yet may be replaced. */
export function isConflated(kind: TopicKind): boolean {
  return kind !== 'order';
}
