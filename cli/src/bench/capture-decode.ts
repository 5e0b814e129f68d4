import { spawn } from 'node:child_process';
import { PlatformError } from '@millrace/kernel/errors';
import { builtProgram } from '../built-program.ts';
import { childOutput } from '../child-program.ts';
import { insertRows, query } from './capture-place.ts';

/** One reading of the same slot, from the same place to the same end. */
export interface Reading {
  readonly perSecond: number;
  readonly cpuSecondsPerMillion: number;
}

/** How Postgres is asked to send rows. */
export type RowFormat = 'text' | 'binary';

/** Of one format: what reads as fast as can be, to compare with, and the capture. */
export interface Compared {
  readonly limit: readonly Reading[];
  readonly ours: readonly Reading[];
}

export interface Readings extends Readonly<Record<RowFormat, Compared>> {
  readonly limitName: string;
}

/**
 * `runs` times: the same rows in transactions of 500, read by `pg_recvlogical` (where this machine has none, by a program of ours that looks at
 * nothing but the messages' kinds), then by the capture up to the bytes that it would append; both in either format. Each reads a copy of the
 * same slot.
 */
export async function readings(
  url: string,
  rows: number,
  runs: number,
  note: (text: string) => void,
): Promise<Readings> {
  await query(url, `select pg_create_logical_replication_slot('bench_base', 'pgoutput')`);
  note(`writing ${rows} rows in transactions of 500`);
  await insertRows(url, 1, rows, 500);
  await query(url, 'checkpoint');
  const end = (await query<{ lsn: string }>(url, 'select pg_current_wal_insert_lsn()::text as lsn'))[0]?.lsn ?? '';
  // The end is passed by the first commit after it.
  await query(url, `select pg_logical_emit_message(true, 'millrace.bench', '')`);
  const hasTool = await canRun('pg_recvlogical', ['--version']);
  const taken = {
    text: { limit: [] as Reading[], ours: [] as Reading[] },
    binary: { limit: [] as Reading[], ours: [] as Reading[] },
  };
  for (let run = 1; run <= runs; run++) {
    for (const format of ['text', 'binary'] as const) {
      const { limit, ours } = taken[format];
      const read = hasTool ? recvlogical : onlyRead;
      limit.push(await onCopy(url, run, (slot) => read(url, slot, end, rows, format)));
      ours.push(await onCopy(url, run, (slot) => decode(url, slot, end, rows, format)));
      note(`run ${run} of ${runs}, ${format}: limit ${shown(limit.at(-1))}, decoded and encoded ${shown(ours.at(-1))}`);
    }
  }
  await query(url, `select pg_drop_replication_slot('bench_base')`);
  return { limitName: hasTool ? 'pg_recvlogical' : 'a reader that only counts', ...taken };
}

const shown = (reading: Reading | undefined): string =>
  `${Math.round(reading?.perSecond ?? 0)}/s, ${(reading?.cpuSecondsPerMillion ?? 0).toFixed(2)} CPU-s`;

/** Whether the program can be started and ends well. */
function canRun(command: string, args: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: 'ignore' });
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(code === 0));
  });
}

async function onCopy(url: string, run: number, read: (slot: string) => Promise<Reading>): Promise<Reading> {
  const slot = `bench_copy_${run}`;
  await query(url, `select pg_copy_logical_replication_slot('bench_base', $1)`, [slot]);
  try {
    return await read(slot);
  } finally {
    await query(url, 'select pg_drop_replication_slot($1)', [slot]);
  }
}

async function recvlogical(url: string, slot: string, end: string, rows: number, format: RowFormat): Promise<Reading> {
  const beganMs = performance.now();
  const options = [
    'proto_version=2',
    'publication_names=millrace',
    'messages=true',
    `binary=${format === 'binary'}`,
  ].flatMap((option) => ['-o', option]);
  await childOutput('pg_recvlogical', [
    ...['-d', url, '-S', slot, '--start', '-f', '/dev/null', '--no-loop', `--endpos=${end}`],
    ...options,
  ]);
  return { perSecond: rows / ((performance.now() - beganMs) / 1_000), cpuSecondsPerMillion: Number.NaN };
}

const environmentOf = (url: string, slot: string, end: string, format: RowFormat) => ({
  DATABASE_URL: url,
  SLOT_NAME: slot,
  END_LSN: end,
  WIRE_FORMAT: format === 'text' ? 'text' : 'auto',
});

const decode = (url: string, slot: string, end: string, rows: number, format: RowFormat): Promise<Reading> =>
  ownReading(environmentOf(url, slot, end, format), rows);

const onlyRead = (url: string, slot: string, end: string, rows: number, format: RowFormat): Promise<Reading> =>
  ownReading({ ...environmentOf(url, slot, end, format), ONLY_READ: '1' }, rows);

async function ownReading(env: Readonly<Record<string, string>>, expected: number): Promise<Reading> {
  // Without source maps: as its figures have been taken from the beginning.
  const program = builtProgram('producers', 'bench/decode-main.js');
  const text = await childOutput(process.execPath, [program], env, 'the decoding process');
  const { rows, seconds, cpuSeconds } = JSON.parse(text) as { rows: number; seconds: number; cpuSeconds: number };
  if (rows !== expected) throw new PlatformError('internal', `read ${rows} rows of ${expected}`);
  return { perSecond: rows / seconds, cpuSecondsPerMillion: (cpuSeconds / rows) * 1e6 };
}
