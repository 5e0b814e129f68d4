import { describe, expect, test } from '@jest/globals';
import type { TextRow } from '@millrace/schemas/cdc';
import { builtinCodec } from '@millrace/schemas/wire';
import { PgoutputDecoder } from './decoder.ts';
import type { PgoutputHandler } from './decoder.ts';

const texts = (row: TextRow | null) =>
  row &&
  Array.from({ length: row.count }, (_, i) => (row.isUnchanged(i) ? 'unchanged' : row.isNull(i) ? null : row.text(i)));

/** What the decoder says of one message, given as hex with spaces. */
function said(...messages: string[]): unknown[] {
  return heard(messages, (decoder, message) => decoder.decode(message));
}

/** The same for messages out of a block of a transaction in progress, each in the middle of a larger buffer. */
function saidStreamed(...messages: string[]): unknown[] {
  return heard(messages, (decoder, message) =>
    decoder.decodeStreamed(Buffer.concat([Buffer.alloc(3), message, Buffer.alloc(2)]), 3, 3 + message.length),
  );
}

function heard(messages: readonly string[], decode: (decoder: PgoutputDecoder, message: Buffer) => void): unknown[] {
  const calls: unknown[] = [];
  const handler: PgoutputHandler = {
    begin: (...args) => calls.push(['begin', ...args]),
    commit: (...args) => calls.push(['commit', ...args]),
    relation: (...args) => calls.push(['relation', ...args]),
    insert: (id, row) => calls.push(['insert', id, texts(row)]),
    update: (id, old, kind, row) => calls.push(['update', id, texts(old), kind, texts(row)]),
    delete: (id, old, kind) => calls.push(['delete', id, texts(old), kind]),
    truncate: (ids) => calls.push(['truncate', ids]),
    message: (transactional, lsn, prefix, content) =>
      calls.push(['message', transactional, lsn, prefix, content.toString()]),
    streamStart: (...args) => calls.push(['streamStart', ...args]),
    streamStop: () => calls.push(['streamStop']),
    streamCommit: (...args) => calls.push(['streamCommit', ...args]),
    streamAbort: (...args) => calls.push(['streamAbort', ...args]),
  };
  const decoder = new PgoutputDecoder(handler);
  for (const message of messages) decode(decoder, Buffer.from(message.replaceAll(' ', ''), 'hex'));
  return calls;
}

const begin = '42 00000000016b3748 0002a3d5c1e80000 000002fb';
const text = (value: string) =>
  `74 ${value.length.toString(16).padStart(8, '0')} ${Buffer.from(value).toString('hex')}`;

describe('pgoutput messages', () => {
  test('columns in binary form stand beside text ones, and are text where their codec is known', () => {
    const rows: unknown[] = [];
    const insert = (_id: number, row: TextRow): void => {
      row.codecs = [builtinCodec(23), undefined, builtinCodec(3802)];
      rows.push(texts(row), row.lengthOf(0));
    };
    const decoder = new PgoutputDecoder({ insert } as unknown as PgoutputHandler);
    const message = `49 0000400c 4e 0003 62 00000004 fffffff6 ${text('plain')} 62 00000003 01 7b7d`;
    decoder.decode(Buffer.from(message.replaceAll(' ', ''), 'hex'));
    expect(rows).toEqual([['-10', 'plain', '{}'], 3]);
  });

  test('begin and commit carry the commit, its end and its time in µs since 1970', () => {
    expect(said(begin, '43 00 00000000016b3748 00000000016b3778 0002a3d5c1e80000')).toEqual([
      ['begin', 0x16b3748n, 0x2a3d5c1e80000 + 946_684_800_000_000, 763],
      ['commit', 0x16b3748n, 0x16b3778n, 0x2a3d5c1e80000 + 946_684_800_000_000],
    ]);
  });

  test('a relation names its columns, their types and which are its key', () => {
    const column = (flags: string, name: string, oid: string) =>
      `${flags} ${Buffer.from(name).toString('hex')} 00 ${oid} ffffffff`;
    const relation = `52 0000400c ${Buffer.from('commerce').toString('hex')} 00 ${Buffer.from('tags').toString('hex')} 00 64 0002
      ${column('01', 'tag_id', '00000b86')} ${column('00', 'name', '00000413')}`;
    expect(said(relation.replace(/\s+/g, ' '))).toEqual([
      [
        'relation',
        0x400c,
        {
          schema: 'commerce',
          table: 'tags',
          columns: [
            { name: 'tag_id', typeOid: 2950, key: true },
            { name: 'name', typeOid: 1043, key: false },
          ],
        },
      ],
    ]);
  });

  test('rows hold text, null, and what was left unchanged', () => {
    expect(said(`49 0000400c 4e 0003 ${text('a')} 6e ${text('')}`)).toEqual([['insert', 0x400c, ['a', null, '']]]);
    expect(said(`55 0000400c 4e 0002 ${text('a')} 75`)).toEqual([['update', 0x400c, null, null, ['a', 'unchanged']]]);
    expect(said(`55 0000400c 4b 0002 ${text('a')} 6e 4e 0002 ${text('b')} 6e`)).toEqual([
      ['update', 0x400c, ['a', null], 'key', ['b', null]],
    ]);
    expect(said(`55 0000400c 4f 0001 ${text('a')} 4e 0001 ${text('b')}`)).toEqual([
      ['update', 0x400c, ['a'], 'full', ['b']],
    ]);
    expect(said(`44 0000400c 4b 0001 ${text('a')}`)).toEqual([['delete', 0x400c, ['a'], 'key']]);
  });

  test('a truncate names its relations, a logical message its prefix and content', () => {
    expect(said('54 00000002 00 0000400c 0000400d')).toEqual([['truncate', [0x400c, 0x400d]]]);
    expect(said('4d 01 00000000016b3748 6d2e68 00 00000002 6869')).toEqual([
      ['message', true, 0x16b3748n, 'm.h', 'hi'],
    ]);
  });

  test('a transaction in progress begins and ends its blocks, commits, and is rolled back in whole or in part', () => {
    expect(
      said(
        '53 000002fb 01',
        '45',
        '63 000002fb 00 00000000016b3748 00000000016b3778 0002a3d5c1e80000',
        '41 000002fb 000002fc',
      ),
    ).toEqual([
      ['streamStart', 763],
      ['streamStop'],
      ['streamCommit', 763, 0x16b3748n, 0x16b3778n, 0x2a3d5c1e80000 + 946_684_800_000_000],
      ['streamAbort', 763, 764],
    ]);
  });

  test('in its blocks, every message names its subtransaction before the rest', () => {
    expect(
      saidStreamed(
        `49 000002fc 0000400c 4e 0002 ${text('a')} 6e`,
        `44 000002fc 0000400c 4b 0001 ${text('a')}`,
        '54 000002fc 00000001 00 0000400c',
        '4d 000002fc 01 00000000016b3748 6d2e68 00 00000002 6869',
        '59 000002fc 00004000 61 00 62 00',
      ),
    ).toEqual([
      ['insert', 0x400c, ['a', null]],
      ['delete', 0x400c, ['a'], 'key'],
      ['truncate', [0x400c]],
      ['message', true, 0x16b3748n, 'm.h', 'hi'],
    ]);
    expect(() => saidStreamed('49 000002fc 0000400c 4e 0001 74 00000002 61')).toThrow('ends inside');
  });

  test('origins and names of types pass; what is not known is refused', () => {
    expect(said('4f 00000000016b3748 61 00', '59 00004000 61 00 62 00')).toEqual([]);
    expect(() => said('50 000002fb 01')).toThrow('not known');
    expect(() => said('49 0000400c 4e 0001 78')).toThrow('not known');
    expect(() => said('49 0000400c 4e 0001 74 000000ff 61')).toThrow('ends inside');
  });
});
