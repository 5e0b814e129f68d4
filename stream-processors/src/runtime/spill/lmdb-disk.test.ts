import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { LmdbDisk } from './lmdb-disk.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-spill-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

test('what is written is read, also once more at the same place, and nothing of it has a name', async () => {
  const disk = new LmdbDisk(join(folder, 'spilled'));
  const long = JSON.stringify({ text: 'é\u0000"'.repeat(100_000) });
  disk.write([
    { place: 1, json: '{"n":1}' },
    { place: 2, json: long },
  ]);
  disk.write([{ place: 1, json: '{"n":2}' }]);
  expect([disk.read(1), disk.read(2) === long]).toEqual(['{"n":2}', true]);
  expect(await readdir(join(folder, 'spilled'))).toEqual([]);
  expect(() => disk.read(3)).toThrow(expect.objectContaining({ kind: 'state-disk' }));
  await disk.close();
});

test('two tasks of one folder do not see each other', async () => {
  const [one, other] = [new LmdbDisk(folder), new LmdbDisk(folder)];
  one.write([{ place: 1, json: '1' }]);
  other.write([{ place: 1, json: '2' }]);
  expect([one.read(1), other.read(1)]).toEqual(['1', '2']);
  await one.close();
  await other.close();
});

test('a folder that cannot be made is an error that says what to do', async () => {
  await writeFile(join(folder, 'file'), '');
  expect(() => new LmdbDisk(join(folder, 'file'))).toThrow(
    expect.objectContaining({ kind: 'state-disk', message: expect.stringContaining('STATE_MEMORY_MB') }),
  );
});
