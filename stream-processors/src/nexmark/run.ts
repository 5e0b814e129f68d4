import type { LogRecord } from '@millrace/kernel/log';
import { lsnText } from '@millrace/kernel/position';
import type { Change, Row } from '@millrace/schemas/cdc';
import { MemoryRegistry } from '@millrace/schemas/registry';
import { Origin } from '../runtime/element.ts';
import type { ChangeElement } from '../runtime/element.ts';
import { StateRecords } from '../runtime/state-records.ts';
import { Task } from '../runtime/task.ts';
import { nexmarkEvent } from './generator.ts';
import type { NexmarkEvent } from './generator.ts';
import { JavaRandom } from './java-random.ts';
import { NEXMARK_TOPIC } from './queries.ts';
import type { Pipeline } from '../operators/index.ts';

export interface NexmarkRun {
  readonly events: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Entries, deletions included. */
  readonly entries: number;
  readonly stateKeys: number;
  /** What the view is at the end: JSON by key. */
  readonly view: ReadonlyMap<string, string>;
}

export interface NexmarkRunOptions {
  readonly events: number;
  /** Number of the first one (0). */
  readonly first?: number;
  readonly keepsView?: boolean;
}

/** Rows of a poll. */
const CHUNK = 1_000;

/**
 * Carries `events` events through a task, each a commit of its own, in this process and without a log: rows as decoded objects in, record
 * batches (entries as JSON, state, position) out, which is all of a task but fetching, decoding and appending. Making the events is not timed.
 * `keepsView` false: batches are made and thrown away.
 */
export async function runNexmark(
  pipeline: Pipeline,
  { events, first = 0, keepsView = false }: NexmarkRunOptions,
): Promise<NexmarkRun> {
  const task = await nexmarkTask(pipeline);
  const view = new Map<string, string>();
  const random = new JavaRandom(0);
  const clock = { seconds: 0, cpuSeconds: 0 };
  let entries = 0;
  const take = (batch: readonly LogRecord[]): void => {
    for (const { key, value } of batch) {
      if (key === null || key[0] === 0x5f) continue;
      entries++;
      if (keepsView) noted(view, Buffer.from(key).toString(), value);
    }
  };
  const last = first + events;
  for (let from = first; from < last; from += CHUNK) {
    const chunk: ChangeElement[] = [];
    for (let n = from; n < Math.min(last, from + CHUNK); n++) chunk.push(elementOf(nexmarkEvent(n, random, true), n));
    timed(clock, () => {
      for (const element of chunk) task.inputs[0]?.push(element);
      work(task, take);
    });
  }
  timed(clock, () => {
    end(task, last, random);
    work(task, take);
  });
  return { events, ...clock, entries, stateKeys: task.stateSize, view };
}

async function nexmarkTask(processor: Pipeline): Promise<Task> {
  const records = await StateRecords.create(new MemoryRegistry(), 'views.nexmark');
  const inputs = [{ topic: NEXMARK_TOPIC, partition: 0 }];
  const limits = { maxBatchBytes: 1_000_000, resultBytes: 400_000, lazyAbove: 500 };
  return new Task(
    {
      processor,
      inputs,
      owns: () => true,
      codec: { encode: ({ kind, id, lsn, data }) => [entryRecord(`${kind}:${id}`, lsn, data)] },
      records,
      watermark: ({ lsn }) => ({ key: Buffer.from('_watermark'), value: Buffer.from(lsnText(lsn)) }),
      life: '',
      ...limits,
    },
    { position: null, tail: new Map(), gone: [] },
  );
}

function entryRecord(key: string, lsn: bigint, data: unknown): LogRecord {
  return { key: Buffer.from(key), value: Buffer.from(`${lsnText(lsn)}${JSON.stringify(data)}`) };
}

const POSITION_DIGITS = 20;

function noted(view: Map<string, string>, key: string, value: Uint8Array | null): void {
  const json = value === null ? 'null' : Buffer.from(value).toString().slice(POSITION_DIGITS);
  if (json === 'null') view.delete(key);
  else view.set(key, json);
}

/** An event as the change of a row, a commit of its own. */
function elementOf(event: NexmarkEvent, n: number): ChangeElement {
  const { kind } = event;
  const lsn = BigInt(n + 1) * 8n;
  const tsUs = event.dateTime * 1000;
  const row = (kind === 'bid' ? { ...event, n } : event) as unknown as Row;
  const change: Change = {
    ...{ op: 'c' as const, lsn, ordinal: 0, schema: 'nexmark', table: kind, txid: n, tsUs },
    ...{ snapshot: false, before: null, after: row },
  };
  const origin = new Origin(Buffer.from(`${kind}/${n}`), null);
  return { kind: 'change', lsn, tsUs, offset: BigInt(n), change, origin };
}

/** A minute with nothing: every window closes. */
function end(task: Task, events: number, random: JavaRandom): void {
  const { dateTime } = nexmarkEvent(events, random, true);
  for (const at of [1, 2]) {
    const lsn = BigInt(events + at) * 8n;
    const tsUs = (dateTime + at * 60_000) * 1000;
    task.inputs[0]?.push({ kind: 'watermark', lsn, tsUs, offset: BigInt(events + at) });
  }
}

function work(task: Task, take: (batch: readonly LogRecord[]) => void): void {
  for (;;) {
    const more = task.advance();
    if (task.hasResult) for (const batch of task.takeResult()) take(batch);
    if (task.deadLetters.length > 0) throw new Error(task.deadLetters[0]?.message);
    if (!more) return;
  }
}

function timed(clock: { seconds: number; cpuSeconds: number }, call: () => void): void {
  const startedMs = performance.now();
  const before = process.cpuUsage();
  call();
  const { user, system } = process.cpuUsage(before);
  clock.seconds += (performance.now() - startedMs) / 1000;
  clock.cpuSeconds += (user + system) / 1e6;
}
