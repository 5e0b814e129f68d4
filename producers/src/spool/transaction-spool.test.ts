import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { openOnDisk } from './spool-file.ts';
import type { SpoolHandle } from './spool-file.ts';
import { TransactionSpool } from './transaction-spool.ts';

let folder: string;
let failures: unknown[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-spool-'));
  failures = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const open = (maxBytes = 1_000_000_000, session = 'one', onPressure: (pressed: boolean) => void = () => undefined) =>
  TransactionSpool.open({ folder, session, maxBytes, onPressure, onFailure: (error) => failures.push(error) });

/** A message of `bytes` that says which one it is. */
function message(index: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(4 + bytes, index);
  buffer.writeUInt32BE(index, 2);
  return buffer;
}

/** Numbers and stamps of a transaction's messages, as they are read back. */
async function read(spool: TransactionSpool, xid: number): Promise<[number, number][]> {
  const found: [number, number][] = [];
  for await (const messages of spool.read(xid)) {
    while (messages.next()) {
      const { buffer, start, end, stamp } = messages;
      const index = buffer.readUInt32BE(start);
      expect(buffer.subarray(start, end).equals(message(index, end - start - 2).subarray(2))).toBe(true);
      found.push([index, stamp]);
    }
  }
  return found;
}

describe('the spool of transactions in progress', () => {
  test('gives back what was appended, whatever the sizes, also when a message is larger than a chunk', async () => {
    const spool = await open();
    const sizes = [10, 700_000, 3, 262_144, 100_000, 100_000, 100_000, 5_000, 1_200_000, 2];
    for (const [index, size] of sizes.entries()) spool.append(7, 7, message(index, size), 2, index * 2);
    expect(await read(spool, 7)).toEqual(sizes.map((_, index) => [index, index * 2]));
    spool.drop(7);
    await spool.close();
    expect(failures).toEqual([]);
  });

  test('what is small never touches the disk', async () => {
    const spool = await open();
    for (let index = 0; index < 100; index++) spool.append(7, 7, message(index, 500), 2, 0);
    expect(await read(spool, 7)).toHaveLength(100);
    expect(await readdir(join(folder, 'one'))).toEqual([]);
    await spool.close();
  });

  /** A transaction as Postgres runs it: a stack of subtransactions, of which the innermost writes. */
  type Step = { kind: 'write'; bytes: number } | { kind: 'savepoint' } | { kind: 'release' } | { kind: 'rollback' };
  const steps = fc.array(
    fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({ kind: fc.constant('write' as const), bytes: fc.integer({ min: 2, max: 90_000 }) }),
      },
      { weight: 2, arbitrary: fc.constant<Step>({ kind: 'savepoint' }) },
      { weight: 1, arbitrary: fc.constant<Step>({ kind: 'release' }) },
      { weight: 1, arbitrary: fc.constant<Step>({ kind: 'rollback' }) },
    ),
    { maxLength: 80 },
  );

  test('a subtransaction that is rolled back takes its own messages and those it contains, and no others', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (program) => {
        const spool = await open();
        let nextXid = 8;
        const stack = [{ xids: [7], rows: [] as number[] }];
        for (const [index, step] of program.entries()) {
          const top = stack.at(-1)!;
          if (step.kind === 'write') {
            spool.append(7, top.xids[0]!, message(index, step.bytes), 2, 0);
            top.rows.push(index);
          } else if (step.kind === 'savepoint') stack.push({ xids: [nextXid++], rows: [] });
          else if (stack.length > 1) {
            stack.pop();
            const outer = stack.at(-1)!;
            if (step.kind === 'release') {
              outer.rows.push(...top.rows);
              outer.xids.push(...top.xids);
            } else for (const xid of top.xids.toReversed()) spool.cut(7, xid);
          }
        }
        const rows = stack.flatMap((part) => part.rows);
        expect((await read(spool, 7)).map(([index]) => index)).toEqual(rows);
        await spool.close();
      }),
      { numRuns: 60 },
    );
    expect(failures).toEqual([]);
  });

  test('says how much it holds, and gives it back', async () => {
    const spool = await open();
    spool.append(7, 7, message(0, 992), 2, 0);
    spool.append(8, 8, message(1, 400_000), 2, 0);
    spool.append(8, 9, message(2, 992), 2, 0);
    const whole = spool.bytes;
    spool.cut(8, 9);
    expect([whole - spool.bytes, spool.transactions, spool.bytesOf(7)]).toEqual([1_002, 2, 1_002]);
    spool.drop(8);
    expect(spool.bytes).toBe(spool.bytesOf(7));
    spool.drop(7);
    expect([spool.bytes, spool.transactions]).toEqual([0, 0]);
    await spool.close();
    expect(await readdir(folder)).toEqual([]);
  });

  test('refuses what is over its limit', async () => {
    const spool = await open(100_000);
    spool.append(7, 7, message(0, 60_000), 2, 0);
    expect(() => spool.append(8, 8, message(0, 60_000), 2, 0)).toThrow(expect.objectContaining({ kind: 'spool-full' }));
    await spool.close();
  });

  test.each(['ENOSPC', 'EDQUOT', 'EFBIG'])(
    'a disk that takes a part of a chunk and then says %s is full',
    async (code) => {
      let room = 300_000;
      const spool = await TransactionSpool.open({
        ...{ folder, session: 'one', maxBytes: 1_000_000_000 },
        onPressure: () => undefined,
        onFailure: (error) => failures.push(error),
        openFile: async (path) => {
          const file = await openOnDisk(path);
          return {
            read: file.read.bind(file),
            close: () => file.close(),
            write: ((buffer: Buffer, offset: number, length: number, position: number) => {
              if (room === 0) return Promise.reject(Object.assign(new Error('write'), { code }));
              const taken = Math.min(room, length);
              room -= taken;
              return file.write(buffer, offset, taken, position);
            }) as SpoolHandle['write'],
          };
        },
      });
      for (let index = 0; index < 6; index++) spool.append(7, 7, message(index, 100_000), 2, 0);
      await expect(read(spool, 7)).rejects.toThrow('could not be written');
      expect(failures).toMatchObject([{ kind: 'spool-full', message: expect.stringContaining(code) }]);
      await spool.close();
      expect(await readdir(folder)).toEqual([]);
    },
  );

  test('any other failure of the disk is not taken for a full one', async () => {
    const spool = await TransactionSpool.open({
      ...{ folder, session: 'one', maxBytes: 1_000_000_000 },
      onPressure: () => undefined,
      onFailure: (error) => failures.push(error),
      openFile: () => Promise.reject(Object.assign(new Error('open'), { code: 'EIO' })),
    });
    for (let index = 0; index < 6; index++) spool.append(7, 7, message(index, 100_000), 2, 0);
    await expect(read(spool, 7)).rejects.toThrow('could not be written');
    expect(failures).toMatchObject([{ kind: 'internal' }]);
    await spool.close();
  });

  test('asks for a pause while the disk does not keep up', async () => {
    const pressure: boolean[] = [];
    const spool = await open(1_000_000_000, 'one', (pressed) => pressure.push(pressed));
    for (let index = 0; index < 80; index++) spool.append(7, 7, message(index, 262_000), 2, 0);
    expect(pressure).toEqual([true]);
    expect(await read(spool, 7)).toHaveLength(80);
    expect(pressure).toEqual([true, false]);
    await spool.close();
  });

  test('a newer session finds nothing of an older one, and the older one can do it no harm', async () => {
    const older = await open(1_000_000_000, 'older');
    for (let index = 0; index < 4; index++) older.append(7, 7, message(index, 200_000), 2, 0);
    expect(await read(older, 7)).toHaveLength(4);
    const newer = await open(1_000_000_000, 'newer');
    for (let index = 10; index < 14; index++) newer.append(7, 7, message(index, 200_000), 2, 0);
    for (let index = 4; index < 8; index++) older.append(8, 8, message(index, 300_000), 2, 0);
    await expect(read(older, 8)).rejects.toThrow('could not be written');
    expect(failures).toHaveLength(1);
    expect((await read(newer, 7)).map(([index]) => index)).toEqual([10, 11, 12, 13]);
    await older.close();
    await newer.close();
  });

  test('a folder that cannot be made is named with its setting', async () => {
    await expect(
      TransactionSpool.open({
        folder: '/dev/null/spool',
        session: 'one',
        maxBytes: 1,
        onPressure: () => undefined,
        onFailure: () => undefined,
      }),
    ).rejects.toMatchObject({ kind: 'config-invalid', message: expect.stringContaining('SPOOL_FOLDER') });
  });
});
