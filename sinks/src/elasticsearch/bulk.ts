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
    readonly index?: { readonly status: number; readonly error?: { readonly type: string; readonly reason?: string } };
  }[];
}

/** What the server says of a document that does not fit its index: that of others is not in doubt. */
const OF_THE_DOCUMENT = new Set([
  'mapper_parsing_exception',
  'document_parsing_exception',
  'illegal_argument_exception',
]);
/** Where all of so many are refused, it is the index that is wrong. */
const TOO_MANY = 20;

/** An operation that the server refuses for what it holds. The error's message may quote values: it is for the dead letter, not for a log. */
export interface RefusedOperation {
  readonly index: number;
  readonly error: PlatformError;
}

export type Wait = (ms: number) => Promise<void>;

/**
 * Sends operations of different documents, several requests at once; each is durable when this resolves, but for those it answers. An answer 409
 * says that a newer version is there: as good as written. Those without room (429, 503) are sent again with backoff.
 *
 * Throws `store-unavailable` when they stay without, `store-rejected` where an operation is refused for another reason than what it holds, or
 * where all of many are.
 */
export async function sendBulk(
  client: SearchClient,
  operations: readonly string[],
  wait: Wait = sleep,
): Promise<readonly RefusedOperation[]> {
  const requests = cut(operations);
  const refused: RefusedOperation[] = [];
  const worker = async (): Promise<void> => {
    for (let request = requests.shift(); request !== undefined; request = requests.shift()) {
      refused.push(...(await sendOne(client, request, wait)));
    }
  };
  await Promise.all(Array.from({ length: Math.min(REQUESTS_AT_ONCE, requests.length) }, worker));
  const [first] = refused;
  if (first !== undefined && refused.length === operations.length && refused.length >= TOO_MANY) throw first.error;
  return refused;
}

interface Operation {
  readonly index: number;
  readonly text: string;
}

function cut(operations: readonly string[]): Operation[][] {
  const requests: Operation[][] = [];
  let bytes = Infinity;
  for (const [index, text] of operations.entries()) {
    const last = requests.at(-1);
    if (last === undefined || last.length >= MOST_OPERATIONS || bytes + text.length > MOST_BYTES) {
      requests.push([{ index, text }]);
      bytes = text.length;
    } else {
      last.push({ index, text });
      bytes += text.length;
    }
  }
  return requests;
}

async function sendOne(
  client: SearchClient,
  operations: readonly Operation[],
  wait: Wait,
): Promise<RefusedOperation[]> {
  const refused: RefusedOperation[] = [];
  let left = operations;
  for (let attempt = 1; ; attempt++) {
    const answer = sorted(left, await post(client, left.map(({ text }) => text).join('')));
    refused.push(...answer.refused);
    left = answer.again;
    if (left.length === 0) return refused;
    if (attempt === TRIES) {
      throw new PlatformError('store-unavailable', `elasticsearch: no room for ${left.length} operations`);
    }
    await wait(backoffDelayMs(attempt));
  }
}

function sorted(operations: readonly Operation[], { errors, items = [] }: BulkAnswer) {
  const again: Operation[] = [];
  const refused: RefusedOperation[] = [];
  if (!errors) return { again, refused };
  for (const [at, operation] of operations.entries()) {
    const { status = 200, error } = items[at]?.index ?? {};
    if (status < 300 || status === 409) continue;
    if (isPassingStatus(status)) {
      again.push(operation);
      continue;
    }
    const type = error?.type ?? 'unknown';
    const said = `elasticsearch refused a document: HTTP ${status} ${type}`;
    if (status !== 400 || !OF_THE_DOCUMENT.has(type)) throw new PlatformError('store-rejected', said);
    const message = `${said}: ${error?.reason ?? 'it gives no reason'}`;
    refused.push({ index: operation.index, error: new PlatformError('store-rejected', message) });
  }
  return { again, refused };
}

async function post(client: SearchClient, body: string): Promise<BulkAnswer> {
  try {
    return await client.transport.request<BulkAnswer>({
      method: 'POST',
      path: '/_bulk',
      querystring: { filter_path: 'errors,items.*.status,items.*.error.type,items.*.error.reason' },
      bulkBody: body,
    });
  } catch (error) {
    throw searchError(error, 'a bulk request');
  }
}
