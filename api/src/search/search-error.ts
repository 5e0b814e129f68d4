import { errors } from '@elastic/elasticsearch';
import { PlatformError } from '@millrace/kernel/errors';

/** `store-unavailable` while the server or its index is away, `store-rejected` for what it will never take. */
export function searchError(error: unknown): PlatformError {
  if (error instanceof PlatformError) return error;
  if (error instanceof errors.ResponseError) {
    const status = error.statusCode ?? 500;
    if (status !== 404 && status !== 429 && status < 500) {
      return new PlatformError('store-rejected', `The search server refused a query: ${error.message}`, {
        cause: error,
      });
    }
  }
  return new PlatformError('store-unavailable', 'The search server does not answer.', { cause: error });
}
