/**
 * One error class for the platform. `kind` decides what happens (see `errorPolicy`) and is documented, with what to do, in
 * `docs/errors.md`; a test keeps the two lists equal. Unknown errors are wrapped once at the edge as `internal`, which halts.
 */
export type ErrorKind =
  | 'config-invalid'
  | 'prerequisite-missing'
  | 'port-in-use'
  | 'engine-died'
  | 'engine-unreachable'
  | 'log-fenced'
  | 'log-unknown-outcome'
  | 'log-record-too-large'
  | 'log-offset-out-of-range'
  | 'topic-missing'
  | 'state-outdated'
  | 'schema-incompatible'
  | 'schema-unknown'
  | 'record-malformed'
  | 'replication-slot-unusable'
  | 'replication-protocol'
  | 'table-not-capturable'
  | 'spool-full'
  | 'state-disk'
  | 'store-unavailable'
  | 'store-rejected'
  | 'validation-failed'
  | 'not-found'
  | 'conflict'
  | 'precondition-failed'
  | 'insufficient-stock'
  | 'idempotency-mismatch'
  | 'unauthenticated'
  | 'forbidden'
  | 'view-behind'
  | 'internal';

/** retry: the same step again, with backoff. dead-letter: park the record. halt: end the process. reject: tell the caller. */
export type Disposition = 'retry' | 'dead-letter' | 'halt' | 'reject';

export interface ErrorPolicy {
  readonly disposition: Disposition;
  /** What an operator or caller does about it: one sentence. */
  readonly hint: string;
}

export const errorPolicy: Readonly<Record<ErrorKind, ErrorPolicy>> = {
  'config-invalid': { disposition: 'halt', hint: 'Correct the settings that the message names and start again.' },
  'prerequisite-missing': { disposition: 'halt', hint: 'Install what the message names, with the command it gives.' },
  'port-in-use': {
    disposition: 'halt',
    hint: 'End the program on that port, or move ours with the variable the message names.',
  },
  'engine-died': {
    disposition: 'retry',
    hint: 'The supervisor restarts it; if it keeps dying, read the log file the message names.',
  },
  'engine-unreachable': {
    disposition: 'retry',
    hint: 'Check that the engine runs (`millrace status`) and that its URL is right.',
  },
  'log-fenced': {
    disposition: 'halt',
    hint: 'A newer writer owns this log; this process ends itself and may be started again.',
  },
  'log-unknown-outcome': {
    disposition: 'halt',
    hint: 'The process ends; at its next start it reads the end of the log and goes on after it.',
  },
  'log-record-too-large': { disposition: 'halt', hint: 'Raise max.message.bytes of the topic, then start again.' },
  'log-offset-out-of-range': {
    disposition: 'halt',
    hint: 'The log no longer holds that offset: rebuild the view that asked for it.',
  },
  'topic-missing': { disposition: 'halt', hint: 'Create the topics with `millrace migrate`.' },
  'state-outdated': {
    disposition: 'halt',
    hint: 'Make the view anew: `millrace rebuild <view> --from cdc`; readers keep the old one meanwhile.',
  },
  'schema-incompatible': {
    disposition: 'halt',
    hint: 'The new schema breaks readers: change it so that old records stay readable.',
  },
  'schema-unknown': {
    disposition: 'halt',
    hint: 'The record names a schema the registry does not have: check SCHEMA_REGISTRY_URL.',
  },
  'record-malformed': {
    disposition: 'dead-letter',
    hint: 'Read the record in the dead-letter topic; correct its writer.',
  },
  'replication-slot-unusable': {
    disposition: 'halt',
    hint: 'The slot is somebody else’s or was taken away: do as the message says, start again.',
  },
  'replication-protocol': {
    disposition: 'halt',
    hint: 'Postgres sent what the capture does not know: report it with the message.',
  },
  'table-not-capturable': { disposition: 'halt', hint: 'Correct the table or publication as the message says.' },
  'spool-full': {
    disposition: 'retry',
    hint: 'Give the spool more room (SPOOL_MAX_BYTES, SPOOL_FOLDER), then restart the producers.',
  },
  'state-disk': {
    disposition: 'retry',
    hint: 'Give the folder of STATE_DIR room, or raise STATE_MEMORY_MB; the task goes on from the log.',
  },
  'store-unavailable': { disposition: 'retry', hint: 'The sink waits and goes on when the store answers again.' },
  'store-rejected': {
    disposition: 'halt',
    hint: 'The store refused a write that a retry cannot mend: read its message.',
  },
  'validation-failed': { disposition: 'reject', hint: 'Correct the fields the answer names.' },
  'not-found': { disposition: 'reject', hint: 'Check the id.' },
  conflict: { disposition: 'reject', hint: 'The object changed or exists already: read it and try again.' },
  'precondition-failed': {
    disposition: 'reject',
    hint: 'Read the object again and send its present version in If-Match.',
  },
  'insufficient-stock': {
    disposition: 'reject',
    hint: 'Ask for no more than is available; the answer names the items.',
  },
  'idempotency-mismatch': { disposition: 'reject', hint: 'Use a new Idempotency-Key for another request.' },
  unauthenticated: { disposition: 'reject', hint: 'Send a valid bearer token.' },
  forbidden: { disposition: 'reject', hint: 'The token does not allow this.' },
  'view-behind': {
    disposition: 'reject',
    hint: 'The view has not reached that position: try again after Retry-After.',
  },
  internal: { disposition: 'halt', hint: 'Unknown: read the cause in the log; the process ends rather than skip.' },
};

export interface ErrorDetails {
  readonly cause?: unknown;
  /** Structured context for logs and problem documents. Never row values or secrets. */
  readonly context?: Readonly<Record<string, unknown>>;
}

export class PlatformError extends Error {
  readonly kind: ErrorKind;
  readonly context: Readonly<Record<string, unknown>>;

  constructor(kind: ErrorKind, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'PlatformError';
    this.kind = kind;
    this.context = details.context ?? {};
  }
}

/** The edge's one wrapper: a PlatformError as it is, anything else as `fallback` (default `internal`, which halts). */
export function asPlatformError(error: unknown, fallback: ErrorKind = 'internal'): PlatformError {
  if (error instanceof PlatformError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new PlatformError(fallback, message, { cause: error });
}

export function isKind(error: unknown, kind: ErrorKind): boolean {
  return error instanceof PlatformError && error.kind === kind;
}
