import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { SnapshotFolder } from './folder.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-state-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const task = 'views.inventory/3';

test('a snapshot is not there before it is published, then whole; older ones and what a kill left go', async () => {
  const disk = new SnapshotFolder(folder);
  expect(await disk.list(task)).toEqual([]);
  await expect(disk.open(task, '001')).rejects.toThrow();
  for (const name of ['001', '002', '003']) {
    const killed = await disk.create(task);
    await killed.write(Buffer.from('half of'));
    const draft = await disk.create(task);
    await draft.write(Buffer.from('whole '));
    await draft.write(Buffer.from(name));
    expect(await disk.list(task)).not.toContain(name);
    await draft.publish(name, 1);
    await killed.discard();
  }
  expect(await disk.list(task)).toEqual(['003', '002']);
  const bytes = await disk.open(task, '003');
  expect([await bytes.read(3), await bytes.read(100), await bytes.read(1)].map(String)).toEqual(['who', 'le 003', '']);
  await bytes.close();
  await writeFile(join(folder, 'views.inventory-3', 'left.draft'), 'by a kill');
  const draft = await disk.create(task);
  await draft.publish('004', 0);
  expect(await readdir(join(folder, 'views.inventory-3'))).toEqual(['004.snapshot']);
  const discarded = await disk.create(task);
  await discarded.discard();
  expect(await readdir(join(folder, 'views.inventory-3'))).toEqual(['004.snapshot']);
});
