import type { FetchedBatch, LogClient, LogReader, LogRecord, LogWriter, RecordView } from '@millrace/kernel/log';

/** Records as a fetch brings them: bytes, of which views are made as they are read. */
interface Chunk {
  readonly first: number;
  readonly bytes: Buffer;
  /** Per record: where its key begins, its value begins, and its value ends. */
  readonly places: Int32Array;
}

/**
 * A log in memory at no cost: one input partition, prepared before, handed out a chunk at a time; what is appended is counted and forgotten.
 * For the cost of the runtime alone.
 */
export class PreparedLog implements LogClient {
  readonly admin: LogClient['admin'] = {
    ensureTopics: () => Promise.resolve({ created: [] }),
    deleteTopics: () => Promise.resolve(),
    offsets: () => Promise.resolve([]),
    listTopics: () => Promise.resolve([]),
    identity: () => Promise.resolve('prepared'),
  };
  appended = 0;
  readonly #chunks: Chunk[] = [];
  #records = 0;

  add(records: readonly LogRecord[]): void {
    const places = new Int32Array(records.length * 3);
    const parts: Uint8Array[] = [];
    let at = 0;
    for (const [index, { key, value }] of records.entries()) {
      places[index * 3] = at;
      at += key?.length ?? 0;
      places[index * 3 + 1] = at;
      at += value?.length ?? 0;
      places[index * 3 + 2] = at;
      parts.push(key ?? Buffer.alloc(0), value ?? Buffer.alloc(0));
    }
    this.#chunks.push({ first: this.#records, bytes: Buffer.concat(parts), places });
    this.#records += records.length;
  }

  openWriter(): Promise<LogWriter> {
    return Promise.resolve({
      epoch: 1,
      ends: [{ topic: 'views.inventory', partition: 0, barrierOffset: 0n, startOffset: 0n }],
      append: (batches) => {
        for (const { records } of batches) this.appended += records.length;
        return Promise.resolve([]);
      },
      close: () => Promise.resolve(),
    });
  }

  createReader(): LogReader {
    let at = 0;
    const nothing = (): void => undefined;
    return {
      assign: nothing,
      unassign: nothing,
      pause: nothing,
      resume: nothing,
      poll: () => {
        const chunk = this.#chunks[at++];
        return Promise.resolve(chunk === undefined ? [] : [batchOf(chunk)]);
      },
      close: () => Promise.resolve(),
    };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function batchOf({ first, bytes, places }: Chunk): FetchedBatch {
  const nextOffset = BigInt(first + places.length / 3);
  return {
    topic: 'cdc.catalog',
    partition: 0,
    records: { [Symbol.iterator]: () => views(first, bytes, places) },
    nextOffset,
    highWatermark: nextOffset,
    byteLength: bytes.length,
  };
}

function* views(first: number, bytes: Buffer, places: Int32Array): Generator<RecordView> {
  for (let at = 0; at < places.length; at += 3) {
    const value = places[at + 1];
    yield {
      offset: BigInt(first + at / 3),
      timestampMs: 0,
      key: bytes.subarray(places[at], value),
      value: bytes.subarray(value, places[at + 2]),
    };
  }
}
