import type { LogRecord } from '@millrace/kernel/log';
import { PlatformError } from '@millrace/kernel/errors';
import type { Lsn } from '@millrace/kernel/position';
import { AvroReader, AvroWriter, HEADER_BYTES } from '@millrace/schemas/avro';
import { barrierSchema, watermarkSchema } from '@millrace/schemas/markers';
import type { SchemaRegistry } from '@millrace/schemas/registry';

/** Keys of a task's own records in its output log; all begin with `_`, so other readers skip them. */
export const POSITION_KEY = '_position';
export const STATE_PREFIX = '_state/';

const position = { type: 'long', logicalType: 'position' } as const;

/**
 * A value of a store (`_state/<store>/<key>`, `_timer/<key>`, `_parked/<input>/<aggregate>`), as JSON; null: the key is gone.
 * `lsn` is the position of the result it belongs to. `undo` is there only in a result of several batches: the value before that result.
 */
export const stateSchema = {
  type: 'record',
  name: 'TaskState',
  namespace: 'millrace',
  fields: [
    { name: 'lsn', type: position },
    { name: 'value', type: ['null', 'string'] },
    {
      name: 'undo',
      type: ['null', { type: 'record', name: 'Undo', fields: [{ name: 'value', type: ['null', 'string'] }] }],
    },
  ],
} as const;

/** Where a task is (`_position`): the end of a result. Everything of the result is before it or in its batch. */
export const positionSchema = {
  type: 'record',
  name: 'TaskPosition',
  namespace: 'millrace',
  fields: [
    { name: 'lsn', type: position },
    { name: 'frontier', type: position },
    { name: 'stream_time_us', type: 'long' },
    { name: 'state_version', type: 'int' },
    {
      name: 'inputs',
      type: {
        type: 'array',
        items: {
          type: 'record',
          name: 'TaskInput',
          fields: [
            { name: 'topic', type: 'string' },
            { name: 'partition', type: 'int' },
            { name: 'offset', type: position },
          ],
        },
      },
    },
  ],
} as const;

export interface StateValue {
  readonly lsn: Lsn;
  /** JSON; null: gone. */
  readonly value: string | null;
  readonly undo: { readonly value: string | null } | null;
}

export interface TaskPosition {
  /** The last step whose result is in the log. */
  readonly lsn: Lsn;
  /** Every commit at or below is in it: the watermark given with it. */
  readonly frontier: Lsn;
  readonly streamTimeUs: number;
  readonly stateVersion: number;
  readonly inputs: readonly { readonly topic: string; readonly partition: number; readonly offset: bigint }[];
}

/** Every schema of an output topic that is ours, registered one after the other (registries dislike two firsts of a subject at once). */
export interface OutputSchemas {
  readonly records: StateRecords;
  readonly watermarkId: number;
  readonly barrierId: number;
}

export async function registerOutput(registry: SchemaRegistry, topic: string): Promise<OutputSchemas> {
  const records = await StateRecords.create(registry, topic);
  const watermarkId = await registry.register(topic, watermarkSchema);
  const barrierId = await registry.register(topic, barrierSchema);
  return { records, watermarkId, barrierId };
}

/** Writes and reads a task's own records. One per output topic, shared by its tasks. */
export class StateRecords {
  readonly #stateId: number;
  readonly #positionId: number;
  /** Its records are gone as soon as the log has them. */
  readonly #writer = new AvroWriter(4096, { slabs: true });
  readonly #reader = new AvroReader();

  private constructor(stateId: number, positionId: number) {
    this.#stateId = stateId;
    this.#positionId = positionId;
  }

  static async create(registry: SchemaRegistry, topic: string): Promise<StateRecords> {
    return new StateRecords(
      await registry.register(topic, stateSchema),
      await registry.register(topic, positionSchema),
    );
  }

  state(key: string, { lsn, value, undo }: StateValue): LogRecord {
    const writer = this.#begin(this.#stateId);
    writer.bigint(lsn);
    this.#optional(value);
    writer.long(undo === null ? 0 : 1);
    if (undo !== null) this.#optional(undo.value);
    const written = writer.finish();
    writer.text(key);
    return { key: writer.finish(), value: written };
  }

  /** The prefix names the table's way of saying "gone" in one batch: nothing to undo, so nothing to keep. */
  tombstone(key: string): LogRecord {
    return { key: Buffer.from(key), value: null };
  }

  position(at: TaskPosition): LogRecord {
    const writer = this.#begin(this.#positionId);
    writer.bigint(at.lsn);
    writer.bigint(at.frontier);
    writer.long(at.streamTimeUs);
    writer.long(at.stateVersion);
    if (at.inputs.length > 0) writer.long(at.inputs.length);
    for (const { topic, partition, offset } of at.inputs) {
      writer.string(topic);
      writer.long(partition);
      writer.bigint(offset);
    }
    writer.long(0);
    return { key: Buffer.from(POSITION_KEY), value: writer.finish() };
  }

  /** Throws `internal`: these records are ours alone, so one that cannot be read means the log is not this task's. */
  readState(value: Buffer): StateValue {
    const reader = this.#open(value, this.#stateId);
    const lsn = reader.bigint();
    const text = readOptional(reader);
    const undo = reader.long() === 0 ? null : { value: readOptional(reader) };
    return { lsn, value: text, undo };
  }

  readPosition(value: Buffer): TaskPosition {
    const reader = this.#open(value, this.#positionId);
    const lsn = reader.bigint();
    const frontier = reader.bigint();
    const streamTimeUs = reader.long();
    const stateVersion = reader.long();
    const inputs: { topic: string; partition: number; offset: bigint }[] = [];
    for (let count = reader.long(); count > 0; count = reader.long()) {
      for (let i = 0; i < count; i++) {
        inputs.push({ topic: reader.string(), partition: reader.long(), offset: reader.bigint() });
      }
    }
    return { lsn, frontier, streamTimeUs, stateVersion, inputs };
  }

  #begin(schemaId: number): AvroWriter {
    this.#writer.reset();
    this.#writer.byte(0);
    this.#writer.uint32BE(schemaId);
    return this.#writer;
  }

  #optional(text: string | null): void {
    this.#writer.long(text === null ? 0 : 1);
    if (text !== null) this.#writer.string(text);
  }

  #open(value: Buffer, schemaId: number): AvroReader {
    const written = value.length < HEADER_BYTES ? -1 : value.readUInt32BE(1);
    if (written !== schemaId) {
      throw new PlatformError(
        'internal',
        `the task's own record has schema ${written}, this release writes ${schemaId}: rebuild the view`,
      );
    }
    return this.#reader.open(value, HEADER_BYTES);
  }
}

function readOptional(reader: AvroReader): string | null {
  return reader.long() === 0 ? null : reader.string();
}
