/**
 * Close codes as a contract with clients (docs/realtime.md holds the same table; a test keeps them equal). `reconnectMs` is the range a
 * client draws its first wait from, doubled per failed try up to 30 s; null means: do not come back without a change on the client's side.
 * This file imports nothing, so that the client SDK can carry it into a browser.
 */
export interface CloseCode {
  readonly code: number;
  readonly name: string;
  readonly reconnectMs: readonly [number, number] | null;
  readonly meaning: string;
}

export const closeCodes = {
  normal: { code: 1000, name: 'normal', reconnectMs: null, meaning: 'The client ended the connection.' },
  goingAway: { code: 1001, name: 'going-away', reconnectMs: [0, 1000], meaning: 'The other side goes away.' },
  abnormal: {
    code: 1006,
    name: 'abnormal',
    reconnectMs: [100, 1000],
    meaning: 'No close frame: the network, a killed gateway, a refused handshake, or a frame over the hard limit.',
  },
  tooBig: {
    code: 1009,
    name: 'too-big',
    reconnectMs: null,
    meaning: 'A frame was over the hard limit (1 MiB): send smaller frames.',
  },
  restart: {
    code: 1012,
    name: 'restart',
    reconnectMs: [0, 1000],
    meaning: 'This gateway stops; a drain frame came first. Resume by position, at any gateway.',
  },
  overloaded: {
    code: 1013,
    name: 'overloaded',
    reconnectMs: [5000, 15000],
    meaning: 'Too many connections at this gateway: try later or elsewhere.',
  },
  protocol: {
    code: 4400,
    name: 'protocol',
    reconnectMs: null,
    meaning: 'Repeated frames that break the protocol; the error frames before it say which.',
  },
  tooSlow: {
    code: 4408,
    name: 'too-slow',
    reconnectMs: [1000, 5000],
    meaning: 'The client did not read, or did not answer heartbeats.',
  },
  rateLimited: {
    code: 4429,
    name: 'rate-limited',
    reconnectMs: [30000, 60000],
    meaning: 'The client went on after rate-limited errors.',
  },
  internal: { code: 4500, name: 'internal', reconnectMs: [1000, 5000], meaning: 'The gateway failed; it logs why.' },
} as const satisfies Record<string, CloseCode>;

export type CloseReason = keyof typeof closeCodes;

const byCode: ReadonlyMap<number, CloseCode> = new Map(Object.values(closeCodes).map((entry) => [entry.code, entry]));

/** What a close code asks of a client; codes that are not in the table count as `abnormal`. */
export function closeCodeOf(code: number): CloseCode {
  return byCode.get(code) ?? closeCodes.abnormal;
}
