/** Frames of `millrace.v1`: a text frame holds one message or an array of them. Positions are 20 decimal digits: text order is their order. */
export const SUBPROTOCOL = 'millrace.v1';

export type ClientMessage =
  | { readonly type: 'auth'; readonly token: string; readonly id?: string }
  | {
      readonly type: 'subscribe';
      readonly id?: string;
      readonly topics: readonly string[];
      /** Topic → last position the client has. */
      readonly resume: ReadonlyMap<string, string>;
    }
  | { readonly type: 'unsubscribe'; readonly id?: string; readonly topics: readonly string[] }
  | { readonly type: 'ping'; readonly id?: string };

export type ErrorCode =
  | 'not-json'
  | 'binary-frame'
  | 'too-large'
  | 'unknown-type'
  | 'invalid-message'
  | 'invalid-topic'
  | 'invalid-position'
  | 'unsupported-topic'
  | 'too-many-topics'
  | 'rate-limited'
  | 'unauthenticated'
  | 'forbidden';

export interface ProtocolProblem {
  readonly code: ErrorCode;
  readonly message: string;
  readonly id?: string;
  readonly topic?: string;
}

/** Errors that say "this client's program is wrong": enough of them end the connection. The others are answers. */
export const strikeCodes: ReadonlySet<ErrorCode> = new Set([
  'not-json',
  'binary-frame',
  'too-large',
  'unknown-type',
  'invalid-message',
  'rate-limited',
]);
