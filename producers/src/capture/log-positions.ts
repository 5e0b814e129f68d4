import type { LogClient, ReadRequest, RecordView, TopicPartition } from '@millrace/kernel/log';
import { PlatformError } from '@millrace/kernel/errors';
import { comparePositions } from '@millrace/kernel/position';
import type { Position } from '@millrace/kernel/position';
import { AvroReader, HEADER_BYTES } from '@millrace/schemas/avro';
import { isOwnKey, isWatermarkKey, readWatermark } from '@millrace/schemas/markers';
import { END_OF_COMMIT } from './partitions.ts';

/**
 * Header of an event and of a tombstone: the position of the row, of the delete (lsn, ordinal; big endian). Compaction may leave a tombstone
 * without its delete record.
 */
export const POSITION_HEADER = 'millrace.position';

export function positionHeader({ lsn, ordinal }: Position): readonly [string, Buffer] {
  const bytes = Buffer.allocUnsafe(12);
  bytes.writeBigUInt64BE(lsn, 0);
  bytes.writeUInt32BE(ordinal, 8);
  return [POSITION_HEADER, bytes];
}

/** What a partition ends with. */
export interface LogPosition extends TopicPartition {
  /** The highest position in it, a watermark being the end of its commit; null where it holds none. */
  readonly last: Position | null;
  /** Whether it holds a watermark: the snapshot was completed. */
  readonly watermarked: boolean;
  /** Commit time its last watermark names, µs; 0 where it holds none. */
  readonly tsUs: number;
}

/** A partition's part to look at: everything in `[start, end)` is final. */
export interface LogRange extends TopicPartition {
  readonly start: bigint;
  readonly end: bigint;
}

const FIRST_WINDOW = 256n;
const WINDOW_GROWTH = 16n;
const POLL_MS = 500;
const MAX_SILENT_POLLS = 60;

/**
 * Finds each partition's last position by reading windows backwards from its end, growing, until one holds a watermark or the start is reached.
 * Positions only grow within a partition and a key's last record survives compaction, so the highest one found is the last.
 */
export async function readLastPositions(log: LogClient, ranges: readonly LogRange[]): Promise<LogPosition[]> {
  const reader = log.createReader();
  try {
    const found = new Map<string, LogPosition>();
    let open: readonly LogRange[] = ranges;
    for (let window = FIRST_WINDOW; open.length > 0; window *= WINDOW_GROWTH) {
      const requests = open.map((range) => ({ ...range, offset: later(range.start, range.end - window) }));
      const positions = await readWindows(reader, requests);
      for (const position of positions) found.set(nameOf(position), position);
      open = open.filter(
        (range, index) => requests[index]?.offset !== range.start && found.get(nameOf(range))?.watermarked !== true,
      );
    }
    return ranges.map((range) => found.get(nameOf(range)) ?? { ...range, last: null, watermarked: false, tsUs: 0 });
  } finally {
    await reader.close();
  }
}

async function readWindows(
  reader: ReturnType<LogClient['createReader']>,
  requests: readonly (ReadRequest & LogRange)[],
): Promise<LogPosition[]> {
  const scans = new Map<string, Scan>();
  for (const request of requests) {
    const { topic, partition } = request;
    if (request.offset < request.end) scans.set(nameOf(request), new Scan(request.end, { topic, partition }));
  }
  reader.assign(requests.filter((request) => scans.has(nameOf(request))));
  const open = new Set(scans.keys());
  for (let silent = 0; open.size > 0;) {
    const batches = await reader.poll(POLL_MS);
    silent = batches.length > 0 ? 0 : silent + 1;
    if (silent > MAX_SILENT_POLLS)
      throw new PlatformError('engine-unreachable', 'the log does not give its last records');
    for (const batch of batches) {
      const scan = scans.get(nameOf(batch));
      if (scan === undefined || !open.has(nameOf(batch))) continue;
      for (const record of batch.records) scan.look(record);
      if (batch.nextOffset < scan.end) continue;
      open.delete(nameOf(batch));
      reader.unassign([batch]);
    }
  }
  return [...scans.values()].map((scan) => scan.result());
}

class Scan {
  readonly end: bigint;
  readonly #of: TopicPartition;
  #last: Position | null = null;
  #watermarked = false;
  #tsUs = 0;

  constructor(end: bigint, of: TopicPartition) {
    this.end = end;
    this.#of = of;
  }

  look(record: RecordView): void {
    if (record.offset >= this.end) return;
    if (isWatermarkKey(record.key) && record.value !== null) {
      this.#watermarked = true;
      this.#tsUs = Math.max(this.#tsUs, readWatermark(record.value).tsUs);
    }
    const position = positionOf(record);
    if (position !== null && (this.#last === null || comparePositions(position, this.#last) > 0)) this.#last = position;
  }

  result(): LogPosition {
    return { ...this.#of, last: this.#last, watermarked: this.#watermarked, tsUs: this.#tsUs };
  }
}

const avro = new AvroReader();

function positionOf({ key, value, headers }: RecordView): Position | null {
  if (isWatermarkKey(key) && value !== null) return { lsn: readWatermark(value).lsn, ordinal: END_OF_COMMIT };
  if (key === null || isOwnKey(key)) return null;
  // Tombstones and events.
  const header = headers?.find(([name]) => name === POSITION_HEADER)?.[1];
  if (header?.length === 12) return { lsn: header.readBigUInt64BE(0), ordinal: header.readUInt32BE(8) };
  return value === null ? null : changePosition(value);
}

const OPS = 'cudrt';

/** Null for what is no change of ours: someone else may have put anything into the topic, and that has no position. */
function changePosition(value: Buffer): Position | null {
  if (value.length < HEADER_BYTES + 4 || value[0] !== 0 || value[HEADER_BYTES] !== 2) return null;
  if (!OPS.includes(String.fromCharCode(value[HEADER_BYTES + 1] ?? 0))) return null;
  avro.open(value, HEADER_BYTES + 2);
  return { lsn: avro.bigint(), ordinal: avro.long() };
}

function later(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
