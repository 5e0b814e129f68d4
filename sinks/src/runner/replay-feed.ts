import type { FetchedBatch, LogReader } from '@millrace/kernel/log';
import { isInScope } from '@millrace/schemas/views';
import type { ViewCodec, ViewEntry } from '@millrace/schemas/views';
import type { Clock } from './clock.ts';
import { PartitionReader } from './partition-reader.ts';
import type { LogRange } from './refused-record.ts';
import type { Replay } from './replay.ts';

export interface ReplayParts {
  /** A reader of its own. */
  readonly reader: LogReader;
  /** What the store has been given of each partition: further on the entries come anyway. */
  readonly ranges: readonly LogRange[];
  readonly codec: ViewCodec;
  readonly clock: Clock;
  /** Resolves when the store holds them. */
  readonly give: (range: LogRange, entries: readonly ViewEntry[]) => Promise<void>;
}

const POLL_MS = 500;
/** Between two writes of a replay the store takes what is live. */
const AT_ONCE = 1_000;
const NEVER_APPLIED = { lsn: 0n, committedAtMs: 0 };

/**
 * Reads a view's log once more and gives the store what the replay asks for. Reads from where the replay stood, so that one that was
 * interrupted goes on. Records that nobody can read have their letter since they were read first. Resolves at the end, or when `stop` aborts.
 */
export async function feedReplay(replay: Replay, parts: ReplayParts, stop: AbortSignal): Promise<void> {
  const open = new Map<string, { readonly range: LogRange; readonly entries: PartitionReader }>();
  for (const range of parts.ranges) {
    const { topic, partition, from, end } = range;
    const name = `${topic}/${partition}`;
    const offset = replay.offsets.get(name);
    if (offset === undefined) replay.records += Number(end - from);
    if ((offset ?? from) >= end) continue;
    const start = { ...NEVER_APPLIED, offset: offset ?? from };
    const deadLetter = (): Promise<void> => Promise.resolve();
    const { view } = replay.request;
    open.set(name, { range, entries: new PartitionReader({ view, partition, codec: parts.codec, start, deadLetter }) });
    parts.reader.assign([{ topic, partition, offset: start.offset }]);
  }
  const ended = (): boolean => replay.isOver || stop.aborted;
  while (open.size > 0 && !ended()) {
    for (const batch of await parts.reader.poll(POLL_MS, stop)) {
      const name = `${batch.topic}/${batch.partition}`;
      const of = open.get(name);
      if (of === undefined || ended()) continue;
      await take(replay, parts, batch, of, stop);
      if (batch.nextOffset < of.range.end) continue;
      open.delete(name);
      parts.reader.unassign([of.range]);
    }
  }
  if (open.size === 0) replay.end('done');
}

async function take(
  replay: Replay,
  { clock, give }: ReplayParts,
  batch: FetchedBatch,
  { range, entries: reader }: { readonly range: LogRange; readonly entries: PartitionReader },
  stop: AbortSignal,
): Promise<void> {
  const { rate } = replay.request;
  const from = replay.offsets.get(`${batch.topic}/${batch.partition}`) ?? range.from;
  const chosen = (await reader.read(batch)).entries.filter((entry) => isInScope(replay.request, entry));
  for (let at = 0; at < chosen.length && !stop.aborted; at += AT_ONCE) {
    const some = chosen.slice(at, at + AT_ONCE);
    await give({ ...range, from, end: batch.nextOffset }, some);
    replay.given += some.length;
    if (rate !== null) await clock.wait((some.length / rate) * 1000, stop);
  }
  if (stop.aborted) return;
  replay.offsets.set(`${batch.topic}/${batch.partition}`, batch.nextOffset);
  const passed = batch.nextOffset < range.end ? batch.nextOffset : range.end;
  if (passed > from) replay.read += Number(passed - from);
}
