import type { ErrorKind } from '@millrace/kernel/errors';

/** The one place that maps the platform's error kinds to HTTP. `docs/errors.md` repeats it; a test compares the two. */
export const statusOfKind: Readonly<Record<ErrorKind, number>> = {
  'config-invalid': 500,
  'prerequisite-missing': 500,
  'port-in-use': 500,
  'engine-died': 503,
  'engine-unreachable': 503,
  'log-fenced': 500,
  'log-unknown-outcome': 500,
  'log-record-too-large': 500,
  'log-offset-out-of-range': 500,
  'topic-missing': 500,
  'state-outdated': 500,
  'schema-incompatible': 500,
  'schema-unknown': 500,
  'record-malformed': 500,
  'replication-slot-unusable': 500,
  'replication-protocol': 500,
  'table-not-capturable': 500,
  'spool-full': 503,
  'state-disk': 503,
  'store-unavailable': 503,
  'store-rejected': 500,
  'validation-failed': 400,
  'not-found': 404,
  conflict: 409,
  'precondition-failed': 412,
  'insufficient-stock': 409,
  'idempotency-mismatch': 422,
  unauthenticated: 401,
  forbidden: 403,
  'view-behind': 503,
  internal: 500,
};

/** Problems that only HTTP knows: what is wrong with a request before anything of the platform sees it. */
export const httpProblems = {
  'malformed-request': { status: 400, hint: 'Send a body that is JSON, with the content type application/json.' },
  'idempotency-key-missing': {
    status: 400,
    hint: 'Send an Idempotency-Key header of at most 255 characters, a new one for each command.',
  },
  'idempotency-in-flight': {
    status: 409,
    hint: 'The first request with this key is still running: send the same again a little later.',
  },
  'payload-too-large': { status: 413, hint: 'Send less in one request.' },
  'unsupported-media-type': { status: 415, hint: 'Send application/json.' },
} as const;

export type HttpProblemKind = keyof typeof httpProblems;

export class HttpProblem extends Error {
  readonly kind: HttpProblemKind;

  constructor(kind: HttpProblemKind, message: string) {
    super(message);
    this.name = 'HttpProblem';
    this.kind = kind;
  }
}
