import { PlatformError } from '@millrace/kernel/errors';

/** HTTP statuses that say "later": too many requests, no shard or no node to answer, a gateway in between. */
export function isPassingStatus(status: number): boolean {
  return status === 429 || status === 408 || (status >= 502 && status <= 504);
}

interface ResponseLike {
  readonly statusCode?: number;
  readonly body?: { readonly error?: { readonly type?: string } };
}

/** `store-unavailable` where waiting may mend it, else `store-rejected`. Types of errors are told, reasons are not: they may quote values. */
export function searchError(error: unknown, step: string): PlatformError {
  if (error instanceof PlatformError) return error;
  const { name, statusCode, body } = describe(error);
  const answered = statusCode !== undefined && !isPassingStatus(statusCode);
  const detail = body?.error?.type ?? name;
  return new PlatformError(
    answered ? 'store-rejected' : 'store-unavailable',
    `elasticsearch: ${step} failed: ${statusCode === undefined ? '' : `HTTP ${statusCode} `}${detail}`,
    { cause: error },
  );
}

/** The error's type where the server answered 400 for something that exists already. */
export function alreadyExists(error: unknown): boolean {
  return describe(error).body?.error?.type === 'resource_already_exists_exception';
}

export function isMissing(error: unknown): boolean {
  return describe(error).statusCode === 404;
}

function describe(error: unknown): ResponseLike & { readonly name: string } {
  if (!(error instanceof Error)) return { name: String(error) };
  const meta = (error as { meta?: ResponseLike }).meta;
  const { statusCode, body } = meta ?? {};
  return {
    name: error.name,
    ...(statusCode === undefined || statusCode === 0 ? {} : { statusCode }),
    ...(typeof body === 'object' ? { body } : {}),
  };
}
