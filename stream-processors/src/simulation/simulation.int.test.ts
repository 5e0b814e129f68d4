import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

/**
 * Some five seconds of one core for a thousand; `millrace chaos processing --seeds 1000000` is the long version. In a process of its own, as there: in a
 * test file, whose globals are looked up one by one, each takes twice as long.
 */
const TIMEOUT_MS = 900_000;

async function simulated(seeds: number, kind: string): Promise<Record<string, unknown>[]> {
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const child = spawn(process.execPath, ['--conditions=@millrace/source', '--import', 'tsx', main], {
    env: { PATH: '', SEED: '0', SEEDS: String(seeds), WITH: kind },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  expect(code).toBe(0);
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => !('progress' in line));
}

test(
  'many schedules of faults come to what the sequential runs are',
  async () => {
    const said = await simulated(10_000, '');
    expect(said).toEqual([{ sum: expect.objectContaining({ seeds: 10_000, failed: 0 }) }]);
  },
  TIMEOUT_MS,
);

test(
  'many of them with snapshots too',
  async () => {
    const said = await simulated(1_000, 'snapshots');
    expect(said).toEqual([{ sum: expect.objectContaining({ seeds: 1_000, failed: 0 }) }]);
  },
  TIMEOUT_MS,
);

test(
  'with rows that the first releases cannot bear, redrives at any moment, snapshots and standbys',
  async () => {
    const said = await simulated(400, 'redrives,snapshots,standbys');
    expect(said).toEqual([{ sum: expect.objectContaining({ seeds: 400, failed: 0 }) }]);
  },
  TIMEOUT_MS,
);

test(
  'and with standbys that tasks take over from',
  async () => {
    const said = await simulated(1_000, 'standbys');
    expect(said).toEqual([{ sum: expect.objectContaining({ seeds: 1_000, failed: 0 }) }]);
  },
  TIMEOUT_MS,
);
