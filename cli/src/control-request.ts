import { PlatformError } from '@millrace/kernel/errors';
import type { ErrorKind } from '@millrace/kernel/errors';

export interface ControlRequest {
  /** Of a deployable's health port. */
  readonly url: string;
  /** As an error names it: `the producer`. */
  readonly who: string;
  readonly timeoutMs: number;
  /** Said where nobody answers. */
  readonly silence: string;
  /** With one it is sent, without it is asked for. */
  readonly body?: Readonly<Record<string, unknown>>;
}

/** What a deployable answers its operator. Throws `engine-unreachable` where none answers; what it refuses comes with its own kind. */
export async function controlRequest<T>({ url, who, timeoutMs, silence, body }: ControlRequest): Promise<T> {
  const sent = { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  let response: Response;
  try {
    response = await fetch(url, {
      ...(body === undefined ? { method: 'GET' } : { method: 'POST', ...sent }),
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (error) {
    throw new PlatformError('engine-unreachable', silence, { cause: error });
  }
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok) return answer as T;
  const { kind, message } = (answer as { error?: { kind: ErrorKind; message: string } } | null)?.error ?? {
    kind: 'engine-unreachable' as const,
    message: `${who} answered ${response.status}.`,
  };
  throw new PlatformError(kind, message);
}
