import { asPlatformError } from '@millrace/kernel/errors';
import type { LogClient, LogRecord, TopicPartition } from '@millrace/kernel/log';
import { createKafkaLog } from '@millrace/kernel/log-kafka';
import { silentLogger } from '@millrace/kernel/telemetry';
import { Latencies } from './latency.ts';
import { atLeast, atMost, median } from './report.ts';
import type { BenchReport } from './report.ts';

export interface BenchLogOptions {
  readonly brokers: readonly string[];
  /** Records of one throughput run (three runs each way); default 2,000,000. */
  readonly records?: number;
  /** Seconds of the latency part, split over three runs; default 21. */
  readonly seconds?: number;
}

const valueBytes = 200;
const partitionCount = 4;
/** Records of one batch: about 210 KB. */
const batchRecords = 1_000;
/** Appends kept in flight: each is one request of one batch per partition. */
const window = 4;
const sendsPerSecond = 1_000;
const WARM_UP_SECONDS = 15;

interface Throughput {
  readonly perSecond: number;
  /** CPU seconds of this process per 1M records. */
  readonly cpuSecondsPerMillion: number;
}

async function measure(records: number, run: () => Promise<void>): Promise<Throughput> {
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  await run();
  const seconds = (performance.now() - startMs) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: records / seconds, cpuSecondsPerMillion: (user + system) / records };
}

function sampleRecords(): LogRecord[] {
  return Array.from({ length: batchRecords }, (_, index) => ({
    key: Buffer.from(`key-${index}`),
    value: Buffer.alloc(valueBytes, index),
  }));
}

/** Appends `records` in batches over all partitions, a window of calls in flight. */
async function produce(log: LogClient, partitions: readonly TopicPartition[], records: number): Promise<Throughput> {
  const writer = await log.openWriter({
    name: `bench-${partitions[0]?.topic ?? ''}`,
    partitions,
    barrier: (epoch) => ({ key: Buffer.from('_barrier'), value: Buffer.from(`${epoch}`) }),
  });
  const batches = partitions.map((partition) => ({ ...partition, records: sampleRecords() }));
  let calls = Math.ceil(records / (batchRecords * partitions.length));
  const done = calls * batchRecords * partitions.length;
  const result = await measure(done, async () => {
    const chain = async (): Promise<void> => {
      while (calls-- > 0) await writer.append(batches);
    };
    await Promise.all(Array.from({ length: window }, chain));
  });
  await writer.close();
  return result;
}

/** Reads `records` from the beginning of all partitions, looking at each one's key and value. */
async function consume(log: LogClient, partitions: readonly TopicPartition[], records: number): Promise<Throughput> {
  const reader = log.createReader();
  reader.assign(partitions.map((partition) => ({ ...partition, offset: 0n })));
  let count = 0;
  let bytes = 0;
  const result = await measure(records, async () => {
    while (count < records) {
      for (const batch of await reader.poll(5_000)) {
        for (const { key, value } of batch.records) {
          count++;
          bytes += (key?.length ?? 0) + (value?.length ?? 0);
        }
      }
    }
  });
  await reader.close();
  if (bytes < records * valueBytes)
    throw new Error(`Read ${bytes} bytes in ${count} records: fewer than were written.`);
  return result;
}

/** Sends single records at a fixed rate, and takes each one's time from the call of `append` until a poll hands it out; in ms. */
async function latencies(log: LogClient, partitions: readonly TopicPartition[], seconds: number): Promise<Latencies> {
  const writer = await log.openWriter({
    name: `bench-${partitions[0]?.topic ?? ''}`,
    partitions,
    barrier: (epoch) => ({ key: Buffer.from('_barrier'), value: Buffer.from(`${epoch}`) }),
  });
  const reader = log.createReader();
  reader.assign(
    writer.ends.map(({ topic, partition, barrierOffset }) => ({ topic, partition, offset: barrierOffset + 1n })),
  );
  const topic = partitions[0]?.topic ?? '';
  const total = Math.round(seconds * sendsPerSecond);
  const sentMs = new Float64Array(total);
  const sending = sendAtRate(total, async (index) => {
    const value = Buffer.alloc(valueBytes);
    value.writeUInt32BE(index);
    const records = [{ key: Buffer.from(`key-${index}`), value }];
    sentMs[index] = performance.now();
    await writer.append([{ topic, partition: index % partitionCount, records }]);
  });
  const [taken] = await Promise.all([readLatencies(reader, sentMs), sending]);
  await reader.close();
  await writer.close();
  return taken;
}

async function readLatencies(reader: ReturnType<LogClient['createReader']>, sentMs: Float64Array): Promise<Latencies> {
  const taken = new Latencies();
  while (taken.count < sentMs.length) {
    const batches = await reader.poll(5_000);
    const nowMs = performance.now();
    for (const { records } of batches) {
      for (const { value } of records) {
        if (value !== null) taken.add(nowMs - (sentMs[value.readUInt32BE()] ?? nowMs));
      }
    }
  }
  return taken;
}

/** Sends what is due at each millisecond's tick; ends when every send has. */
function sendAtRate(total: number, send: (index: number) => Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const startMs = performance.now();
    const sends: Promise<void>[] = [];
    const timer = setInterval(() => {
      const due = Math.min(total, ((performance.now() - startMs) / 1_000) * sendsPerSecond);
      while (sends.length < due) {
        const sent = send(sends.length);
        sent.catch((error: unknown) => {
          clearInterval(timer);
          reject(asPlatformError(error));
        });
        sends.push(sent);
      }
      if (sends.length < total) return;
      clearInterval(timer);
      Promise.all(sends).then(() => resolve(), reject);
    }, 1);
  });
}

async function withTopic<T>(
  log: LogClient,
  part: string,
  run: (partitions: TopicPartition[]) => Promise<T>,
): Promise<T> {
  const topic = `bench-log-${part}-${Date.now()}`;
  await log.admin.ensureTopics([{ topic, partitions: partitionCount }]);
  try {
    return await run(Array.from({ length: partitionCount }, (_, partition) => ({ topic, partition })));
  } finally {
    await log.admin.deleteTopics([topic]);
  }
}

/**
 * `millrace bench log`: what the default log adapter does on this machine with one broker, acks=all, fenced and idempotent, 200-byte values over
 * four partitions; medians of three runs. Makes a topic of its own for each run and deletes it.
 */
export async function benchLog({ brokers, records = 2_000_000, seconds = 21 }: BenchLogOptions): Promise<BenchReport> {
  const log = createKafkaLog({ brokers, clientId: 'bench-log', logger: silentLogger() });
  const taken: Latencies[] = [];
  const out: Throughput[] = [];
  const into: Throughput[] = [];
  try {
    // Unmeasured: a broker just started is still compiling its hot paths.
    await withTopic(log, 'warm-up', (partitions) => latencies(log, partitions, WARM_UP_SECONDS));
    // First, while the broker has nothing of the other part still to write out.
    for (const part of ['latency-1', 'latency-2', 'latency-3']) {
      taken.push(await withTopic(log, part, (partitions) => latencies(log, partitions, seconds / 3)));
    }
    for (const part of ['throughput-1', 'throughput-2', 'throughput-3']) {
      await withTopic(log, part, async (partitions) => {
        out.push(await produce(log, partitions, records));
        into.push(await consume(log, partitions, records));
      });
    }
  } finally {
    await log.close();
  }
  const outPerSecond = median(out.map(({ perSecond }) => perSecond));
  const inPerSecond = median(into.map(({ perSecond }) => perSecond));
  const p99 = median(taken.map((run) => run.percentile(99)));
  return {
    name: 'log',
    bars: [
      atLeast('records out', outPerSecond, 600_000, '/s'),
      atLeast('records in', inPerSecond, 1_500_000, '/s'),
      atMost('produce → consume p99 at 1,000/s', p99, 6, 'ms'),
    ],
    facts: {
      'out, CPU-s per 1M records': rounded(median(out.map(({ cpuSecondsPerMillion }) => cpuSecondsPerMillion))),
      'in, CPU-s per 1M records': rounded(median(into.map(({ cpuSecondsPerMillion }) => cpuSecondsPerMillion))),
      'produce → consume p50 at 1,000/s, ms': rounded(median(taken.map((run) => run.percentile(50)))),
    },
  };
}

const rounded = (value: number): number => Math.round(value * 100) / 100;
