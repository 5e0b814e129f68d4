import { describe, expect, test } from '@jest/globals';
import type { SearchClient } from '@millrace/kernel/search-client';
import { sendBulk } from './bulk.ts';

interface Item {
  readonly status: number;
  readonly type?: string;
}

/** A server that answers each operation, by its text, with the next of its items; with the last one again and again. */
function server(answers: Readonly<Record<string, readonly Item[]>>) {
  const sent: string[][] = [];
  const asked = new Map<string, number>();
  const request = ({ bulkBody }: { bulkBody: string }): Promise<unknown> => {
    const operations = bulkBody.split('\n').filter((line) => line !== '');
    sent.push(operations);
    const items = operations.map((operation) => {
      const of = answers[operation] ?? [{ status: 201 }];
      const times = asked.get(operation) ?? 0;
      asked.set(operation, times + 1);
      const { status, type } = of[Math.min(times, of.length - 1)] ?? { status: 201 };
      return { index: { status, ...(type === undefined ? {} : { error: { type, reason: `of ${operation}` } }) } };
    });
    return Promise.resolve({ errors: items.some(({ index }) => index.status > 299), items });
  };
  const waits: number[] = [];
  const client = { transport: { request } } as unknown as SearchClient;
  const send = (...operations: string[]) =>
    sendBulk(
      client,
      operations.map((operation) => `${operation}\n`),
      (ms) => {
        waits.push(ms);
        return Promise.resolve();
      },
    );
  return { sent, waits, send };
}

const full: Item = { status: 429, type: 'es_rejected_execution_exception' };

describe('operations of a bulk request', () => {
  test('those without room are sent again alone, with pauses, until there is some', async () => {
    const { sent, waits, send } = server({ b: [full, { status: 503, type: 'unavailable_shards_exception' }] });
    await expect(send('a', 'b', 'c')).rejects.toMatchObject({ kind: 'store-unavailable' });
    expect(sent.slice(0, 2)).toEqual([['a', 'b', 'c'], ['b']]);
    expect(waits).toHaveLength(5);
    const later = server({ b: [full, full, { status: 200 }] });
    expect(await later.send('a', 'b')).toEqual([]);
    expect(later.sent).toEqual([['a', 'b'], ['b'], ['b']]);
  });

  test('one that is older than what is there is as good as written', async () => {
    const { send } = server({ a: [{ status: 409, type: 'version_conflict_engine_exception' }] });
    expect(await send('a')).toEqual([]);
  });

  test.each(['mapper_parsing_exception', 'document_parsing_exception', 'illegal_argument_exception'])(
    'a document refused by %s is answered with its place, the others are written',
    async (type) => {
      const { send } = server({ b: [{ status: 400, type }] });
      expect(await send('a', 'b', 'c')).toMatchObject([
        {
          index: 1,
          error: { kind: 'store-rejected', message: `elasticsearch refused a document: HTTP 400 ${type}: of b` },
        },
      ]);
    },
  );

  test.each([
    { status: 400, type: 'strict_dynamic_mapping_exception' },
    { status: 403, type: 'cluster_block_exception' },
    { status: 404, type: 'index_not_found_exception' },
    { status: 500, type: 'something_new' },
  ])('$type halts, and is told without what it quotes', async (item) => {
    const { send } = server({ b: [item] });
    await expect(send('a', 'b')).rejects.toMatchObject({
      kind: 'store-rejected',
      message: `elasticsearch refused a document: HTTP ${item.status} ${item.type}`,
    });
  });
});
