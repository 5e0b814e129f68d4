import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { silentLogger } from '@millrace/kernel/telemetry';
import { SynonymFile } from './synonym-file.ts';
import { parseSynonyms } from './synonyms.ts';

describe('synonyms', () => {
  const synonyms = parseSynonyms(`
    # furniture
    sofa, couch, Settee
    t-shirt, tee
    tablet => iPad, galaxy tab   # not the other way round
    night table, nightstand
    table, desk
  `);

  test.each([
    ['red couch', ['red sofa', 'red settee']],
    ['Couches', ['sofa', 'settee']],
    ['SOFÁ', ['couch', 'settee']],
    ['blue T-Shirts', ['blue tee']],
    ['tablet', ['ipad', 'galaxy tab']],
    ['ipad', []],
    ['oak night tables', ['oak nightstand']],
    ['night desk', ['night table']],
    ['lamp', []],
    ['', []],
  ])('%j is also searched as %j', (text, expected) => {
    expect(synonyms.alternatives(text)).toEqual(expected);
  });

  test('several words are replaced in every combination, up to twelve wordings', () => {
    expect(synonyms.alternatives('tee nightstand')).toEqual([
      't shirt nightstand',
      'tee night table',
      't shirt night table',
    ]);
    expect(synonyms.alternatives('sofa couch settee sofa')).toHaveLength(12);
  });

  test.each(['sofa', 'sofa, ', 'a => ', 'a => b => c', '=> b', '!!, ??'])('%j is refused with its line', (line) => {
    expect(() => parseSynonyms(`a, b\n${line}`)).toThrow(/^line 2 is no rule/);
  });
});

describe('a file of synonyms', () => {
  let folder: string;
  beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'millrace-synonyms-'))));
  afterAll(() => rm(folder, { recursive: true }));

  test('is read again when it has changed; while it is wrong or gone, the last good state counts', async () => {
    const path = join(folder, 'synonyms.txt');
    let now = 0;
    await writeFile(path, 'sofa, couch');
    const file = await SynonymFile.open({ path, logger: silentLogger(), now: () => now });
    const alternatives = (): Promise<readonly string[]> => file.alternatives('sofa');
    expect(await alternatives()).toEqual(['couch']);
    await writeFile(path, 'sofa, couch, settee');
    expect(await alternatives()).toEqual(['couch']);
    now += 1_000;
    expect(await Promise.all([alternatives(), alternatives()])).toEqual([
      ['couch', 'settee'],
      ['couch', 'settee'],
    ]);
    await writeFile(path, 'sofa');
    now += 1_000;
    expect(await alternatives()).toEqual(['couch', 'settee']);
    await rm(path);
    now += 1_000;
    expect(await alternatives()).toEqual(['couch', 'settee']);
    await writeFile(path, 'sofa, divan');
    now += 1_000;
    expect(await alternatives()).toEqual(['divan']);
  });

  test('that is not there, or wrong, is refused at the start by its setting', async () => {
    const path = join(folder, 'none.txt');
    const opened = (): Promise<SynonymFile> => SynonymFile.open({ path, logger: silentLogger() });
    await expect(opened()).rejects.toMatchObject({
      kind: 'config-invalid',
      message: expect.stringContaining(`SEARCH_SYNONYMS_FILE ${path}: ENOENT`),
    });
    await writeFile(path, 'sofa');
    await expect(opened()).rejects.toMatchObject({ message: expect.stringContaining('line 1 is no rule') });
  });
});
