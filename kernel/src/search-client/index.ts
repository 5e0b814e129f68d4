import { Client, SniffingTransport } from '@elastic/elasticsearch';

export type SearchFlavor = 'elasticsearch' | 'opensearch';
export type { Client as SearchClient } from '@elastic/elasticsearch';

const plain = 'application/json';
const plainLines = 'application/x-ndjson';

/**
 * The Elasticsearch client's own transport without the product check and the vendor media types, which OpenSearch refuses.
 * Public options only.
 */
class OpenSearchTransport extends SniffingTransport {
  constructor(options: ConstructorParameters<typeof SniffingTransport>[0]) {
    const plainOptions = { ...options };
    delete plainOptions.productCheck;
    super({
      ...plainOptions,
      vendoredHeaders: { jsonContentType: plain, ndjsonContentType: plainLines, accept: `${plain},text/plain` },
    });
  }
}

/** A client for the search server of that flavor; only by explicit setting is anything but Elasticsearch accepted. */
export function createSearchClient(url: string, flavor: SearchFlavor, requestTimeoutMs = 30_000): Client {
  return new Client({
    node: url,
    requestTimeout: requestTimeoutMs,
    maxRetries: 0,
    ...(flavor === 'opensearch' ? { Transport: OpenSearchTransport } : {}),
  });
}
