import { openPool } from '@millrace/database/connection';
import { sleep } from '@millrace/kernel/retry';
import { createChangeDecoder } from '@millrace/schemas/cdc';
import { isOwnKey } from '@millrace/schemas/markers';
import type { ChaosPlace } from '../chaos/place.ts';
import { BenchedProducer, insertRows, query } from './capture-place.ts';
import { Latencies, paced } from './latency.ts';

export interface Passage {
  readonly perSecond: number;
  readonly cpuSecondsPerMillion: number;
  readonly peakBytes: number;
}

/** Starts a producer on an empty table, so that it has its snapshot, and stops it: the slot stands. */
export async function standingSlot(env: Readonly<Record<string, string>>): Promise<void> {
  const producer = await BenchedProducer.start(env);
  try {
    await producer.said('streaming');
    await sleep(500);
  } finally {
    await producer.stop();
  }
}

/** Rows `from` to `to` are written while no producer runs; then one starts, and passes them into Kafka. */
export async function catchUp(
  env: Readonly<Record<string, string>>,
  url: string,
  from: number,
  to: number,
): Promise<Passage> {
  await insertRows(url, from, to, 500);
  await query(url, 'checkpoint');
  const rows = to - from + 1;
  const producer = await BenchedProducer.start(env);
  try {
    const beganMs = await producer.said('streaming');
    const { cpuSeconds } = await producer.sample();
    const { last, peakBytes } = await producer.watch((sample) => sample.rows >= rows);
    return {
      perSecond: rows / ((last.atMs - beganMs) / 1_000),
      cpuSecondsPerMillion: ((last.cpuSeconds - cpuSeconds) / rows) * 1e6,
      peakBytes,
    };
  } finally {
    await producer.stop();
  }
}

/** First snapshot of the `rows` that are there, into topics that do not exist yet. */
export async function snapshot(env: Readonly<Record<string, string>>, rows: number): Promise<Passage> {
  const producer = await BenchedProducer.start(env);
  try {
    const beganMs = await producer.said('snapshot begins');
    let peakBytes = 0;
    const { cpuSeconds } = await producer.sample();
    const { last } = await producer.watch((sample) => {
      peakBytes = Math.max(peakBytes, sample.residentBytes);
      return sample.rows >= rows;
    });
    const endedMs = await producer.said('snapshot is complete');
    return {
      perSecond: rows / ((endedMs - beganMs) / 1_000),
      cpuSecondsPerMillion: ((last.cpuSeconds - cpuSeconds) / rows) * 1e6,
      peakBytes,
    };
  } finally {
    await producer.stop();
  }
}

/** Connections that commit; one commit at a time each. */
const WRITERS = 8;
const WARM_UP_SECONDS = 5;

/**
 * Single-row transactions at a steady rate; from the acknowledgement of each COMMIT until a Kafka consumer has the row, in ms. (A row may be
 * there before its client has the acknowledgement: then it is 0.) The warm-up is not counted.
 */
export async function latencies(place: ChaosPlace, perSecond: number, seconds: number): Promise<Latencies> {
  const pool = openPool({ connectionString: place.databaseUrl, max: WRITERS });
  const partitions = (await place.partitions()).filter(({ topic }) => topic.endsWith('cdc.reference'));
  const ends = await place.log.admin.offsets(partitions[0]?.topic ?? '');
  const reader = place.log.createReader();
  reader.assign(ends.map(({ partition, end }) => ({ topic: partitions[0]?.topic ?? '', partition, offset: end })));
  const decoder = createChangeDecoder(place.registry);
  const seenMs = new Map<string, number>();
  const committedMs = new Map<string, number>();
  const controller = new AbortController();
  const reading = (async () => {
    while (!controller.signal.aborted) {
      const batches = await reader.poll(200, controller.signal);
      const nowMs = performance.now();
      for (const { records } of batches) {
        for (const { key, value } of records) {
          if (key === null || value === null || isOwnKey(key)) continue;
          const copy = Buffer.from(value);
          await decoder.prepare(copy);
          seenMs.set(String(decoder.decode(copy).after?.['name']), nowMs);
        }
      }
    }
  })();
  const run = `${perSecond}-${Date.now()}`;
  const commit = async (name: string): Promise<void> => {
    await pool.query({ name: 'bench', text: 'insert into commerce.tags (name) values ($1)', values: [name] });
    committedMs.set(name, performance.now());
  };
  await paced(perSecond, WARM_UP_SECONDS, (index) => commit(`warm-${run}-${index}`));
  await paced(perSecond, seconds, (index) => commit(`bench-${run}-${index}`));
  const all = [...committedMs].filter(([name]) => name.startsWith('bench-'));
  const deadlineMs = performance.now() + 30_000;
  while (all.some(([name]) => !seenMs.has(name)) && performance.now() < deadlineMs) await sleep(20);
  controller.abort();
  await reading;
  await reader.close();
  await pool.end();
  const taken = new Latencies();
  // What never came is as late as can be, so that no percentile hides it.
  for (const [name, atMs] of all) taken.add(Math.max(0, (seenMs.get(name) ?? Number.POSITIVE_INFINITY) - atMs));
  return taken;
}

/** One transaction of `rows` rows through a producer that runs; the most memory it has had. */
export async function largeTransaction(
  env: Readonly<Record<string, string>>,
  url: string,
  from: number,
  rows: number,
): Promise<Passage & { readonly writtenSeconds: number }> {
  const producer = await BenchedProducer.start(env);
  try {
    await producer.said('streaming');
    const before = await producer.sample();
    const beganMs = performance.now();
    let committedMs = Number.POSITIVE_INFINITY;
    const writing = insertRows(url, from, from + rows - 1, rows).then(() => (committedMs = performance.now()));
    const { last, peakBytes } = await producer.watch((sample) => sample.rows >= rows);
    await writing;
    return {
      perSecond: rows / ((last.atMs - Math.min(committedMs, last.atMs)) / 1_000),
      cpuSecondsPerMillion: ((last.cpuSeconds - before.cpuSeconds) / rows) * 1e6,
      peakBytes,
      writtenSeconds: (committedMs - beganMs) / 1_000,
    };
  } finally {
    await producer.stop();
  }
}

/** Writes `bytes` to a table that nobody captures, waits 30 s, and answers how much WAL the slot holds back. */
export async function retainedAfter(
  env: Readonly<Record<string, string>>,
  url: string,
  slot: string,
  bytes: number,
): Promise<number> {
  const producer = await BenchedProducer.start(env);
  try {
    await producer.said('streaming');
    await query(url, 'create table public.bench_unpublished (content text)');
    // 100 transactions; random text, so that nothing of it is compressed away.
    for (let part = 0; part < 100; part++) {
      await query(
        url,
        `insert into public.bench_unpublished
         select string_agg(md5(random()::text), '') from generate_series(1, $1::int) n, generate_series(1, 60) m group by n`,
        [Math.ceil(bytes / 100 / 1_920)],
      );
    }
    await sleep(30_000);
    const [row] = await query<{ bytes: string }>(
      url,
      'select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), restart_lsn)::text as bytes from pg_replication_slots where slot_name = $1',
      [slot],
    );
    await query(url, 'drop table public.bench_unpublished');
    return Number(row?.bytes ?? Number.NaN);
  } finally {
    await producer.stop();
  }
}
