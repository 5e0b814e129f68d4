import { Client, SniffingTransport, errors } from '@elastic/elasticsearch';
import { PlatformError } from '@millrace/kernel/errors';

type TransportOptions = ConstructorParameters<typeof SniffingTransport>[0];

/** For servers that are not Elasticsearch itself: no product check, plain media types. */
class PlainTransport extends SniffingTransport {
  constructor(options: TransportOptions) {
    const plain = { ...options };
    delete plain.productCheck;
    super({
      ...plain,
      vendoredHeaders: {
        jsonContentType: 'application/json',
        ndjsonContentType: 'application/x-ndjson',
        accept: 'application/json,text/plain',
      },
    });
  }
}

const REQUEST_TIMEOUT_MS = 5_000;

/** A client for either server; requests are not repeated, since someone is waiting for the answer. */
export function createSearchClient(url: string, flavor: 'elasticsearch' | 'opensearch'): Client {
  return new Client({
    node: url,
    maxRetries: 0,
    requestTimeout: REQUEST_TIMEOUT_MS,
    ...(flavor === 'opensearch' ? { Transport: PlainTransport } : {}),
  });
}

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
