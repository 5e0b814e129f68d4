import { PlatformError } from '@millrace/kernel/errors';
import { backoffDelayMs, sleep } from '@millrace/kernel/retry';
import type { SearchClient } from '@millrace/kernel/search-client';
import { isPassingStatus, searchError } from './client.ts';

/** One request holds at most this many operations and about this many bytes. */
const MOST_OPERATIONS = 1000;
const MOST_BYTES = 4 * 1024 * 1024;
const REQUESTS_AT_ONCE = 2;
/** Tries of the operations that the server had no room for, before the sink says that the store is unavailable. */
const TRIES = 6;

interface BulkAnswer {
  readonly errors: boolean;
  readonly items?: readonly {
    readonly index?: { readonly status: number; readonly error?: { readonly type: string } };
  }[];
}

export type Wait = (ms: number) => Promise<void>;

/**
 * Sends operations of different documents, several requests at once; each is durable when this resolves. An answer 409 says that a newer
 * version is there: as good as written. Those without room (429, 503) are sent again with backoff.
 * Throws `store-unavailable` when they stay without, `store-rejected` for an operation that the server refuses.
 */
export async function sendBulk(client: SearchClient, operations: readonly string[], wait: Wait = sleep): Promise<void> {
  const requests = cut(operations);
  const worker = async (): Promise<void> => {
    for (let request = requests.shift(); request !== undefined; request = requests.shift()) {
      await sendOne(client, request, wait);
    }
  };
  await Promise.all(Array.from({ length: Math.min(REQUESTS_AT_ONCE, requests.length) }, worker));
}

function cut(operations: readonly string[]): string[][] {
  const requests: string[][] = [];
  let bytes = Infinity;
  for (const operation of operations) {
    const last = requests.at(-1);
    if (last === undefined || last.length >= MOST_OPERATIONS || bytes + operation.length > MOST_BYTES) {
      requests.push([operation]);
      bytes = operation.length;
    } else {
      last.push(operation);
      bytes += operation.length;
    }
  }
  return requests;
}

async function sendOne(client: SearchClient, operations: readonly string[], wait: Wait): Promise<void> {
  let left = operations;
  for (let attempt = 1; ; attempt++) {
    left = refused(left, await post(client, left.join('')));
    if (left.length === 0) return;
    if (attempt === TRIES) {
      throw new PlatformError('store-unavailable', `elasticsearch: no room for ${left.length} operations`);
    }
    await wait(backoffDelayMs(attempt));
  }
}

/** The operations to send again. */
function refused(operations: readonly string[], { errors, items = [] }: BulkAnswer): string[] {
  if (!errors) return [];
  return operations.filter((_, index) => {
    const { status = 200, error } = items[index]?.index ?? {};
    if (status < 300 || status === 409) return false;
    if (isPassingStatus(status)) return true;
    throw new PlatformError(
      'store-rejected',
      `elasticsearch refused a document: HTTP ${status} ${error?.type ?? 'unknown'}`,
    );
  });
}

async function post(client: SearchClient, body: string): Promise<BulkAnswer> {
  try {
    return await client.transport.request<BulkAnswer>({
      method: 'POST',
      path: '/_bulk',
      querystring: { filter_path: 'errors,items.*.status,items.*.error.type' },
      bulkBody: body,
    });
  } catch (error) {
    throw searchError(error, 'a bulk request');
  }
}
