/** What was stored under an Idempotency-Key. A null status is a command that has not answered yet. */
export interface StoredAnswer {
  readonly requestHash: string;
  readonly status: number | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly expiresAt: Date;
}

export type IdempotencyDecision =
  | { readonly do: 'run' }
  | { readonly do: 'replay'; readonly answer: StoredAnswer & { readonly status: number } }
  | { readonly do: 'refuse-in-flight' }
  | { readonly do: 'refuse-mismatch' };

export interface IdempotencyState {
  /** Whether this request holds the key's lock: nobody else is running a command under it. */
  readonly locked: boolean;
  readonly stored: StoredAnswer | undefined;
  readonly requestHash: string;
  readonly now: Date;
}

/** First come runs; a repeat gets the first answer; another payload is refused; an expired key is as good as new. */
export function decideIdempotency({ locked, stored, requestHash, now }: IdempotencyState): IdempotencyDecision {
  if (!locked) return { do: 'refuse-in-flight' };
  if (stored === undefined || stored.expiresAt <= now) return { do: 'run' };
  if (stored.requestHash !== requestHash) return { do: 'refuse-mismatch' };
  if (stored.status === null) return { do: 'refuse-in-flight' };
  return { do: 'replay', answer: { ...stored, status: stored.status } };
}
