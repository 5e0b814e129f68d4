import type { LogReader, LogRecord, PartitionEnd } from '@millrace/kernel/log';
import type { AppliedPosition } from '@millrace/kernel/position';
import { isWatermarkKey, readWatermark } from '@millrace/schemas/markers';

/** On a `_watermark` record of a relay: the next offset of the log that it follows, as text. */
const ORIGIN_OFFSET = 'millrace.origin.offset';
/** And that log's topic. Marks of before there was more than one log have none. */
const ORIGIN_TOPIC = 'millrace.origin.topic';

export interface Mark {
  readonly applied: AppliedPosition;
  /** The next record of the followed log. */
  readonly offset: bigint;
  /** The followed log; null where the mark does not say. */
  readonly topic: string | null;
}

export function markRecord(watermark: LogRecord, topic: string, offset: bigint): LogRecord {
  const headers: [string, Buffer][] = [
    [ORIGIN_OFFSET, Buffer.from(offset.toString())],
    [ORIGIN_TOPIC, Buffer.from(topic)],
  ];
  return { ...watermark, headers };
}

/** The last mark before the writer's barrier; null where there is none. Every batch ends in one, so it is looked for from the end. */
export async function lastMark(reader: LogReader, end: PartitionEnd): Promise<Mark | null> {
  for (let span = 64n; ; span *= 8n) {
    const from = end.barrierOffset - span > end.startOffset ? end.barrierOffset - span : end.startOffset;
    const found = await lastMarkSince(reader, end, from);
    if (found !== null || from === end.startOffset) return found;
  }
}

async function lastMarkSince(reader: LogReader, end: PartitionEnd, from: bigint): Promise<Mark | null> {
  const { topic, partition, barrierOffset } = end;
  let mark: Mark | null = null;
  reader.assign([{ topic, partition, offset: from }]);
  for (let next = from; next < barrierOffset;) {
    for (const batch of await reader.poll(1000)) {
      for (const { key, value, offset, headers = [] } of batch.records) {
        const origin = headers.find(([name]) => name === ORIGIN_OFFSET)?.[1];
        if (offset >= barrierOffset || value === null || !isWatermarkKey(key) || origin === undefined) continue;
        const topic = headers.find(([name]) => name === ORIGIN_TOPIC)?.[1].toString() ?? null;
        mark = { applied: readWatermark(value), offset: BigInt(origin.toString()), topic };
      }
      next = batch.nextOffset;
    }
  }
  reader.unassign([{ topic, partition }]);
  return mark;
}
