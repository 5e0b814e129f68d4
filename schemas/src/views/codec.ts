import type { LogRecord, RecordView } from '@millrace/kernel/log';
import { PlatformError } from '@millrace/kernel/errors';
import { AvroWriter, HEADER_BYTES, avroType, compileWriter, schemaIdOf } from '../avro/index.ts';
import type { WriteValue } from '../avro/index.ts';
import type { SchemaRegistry } from '../registry/index.ts';
import { viewKinds, viewSchemas } from './schemas.ts';
import type { ViewKind } from './schemas.ts';
import type { ViewData, ViewEntry } from './shapes.ts';

/**
 * A deletion's tombstone says here where it stands (lsn and commit time in µs, 8 bytes each, big endian), since compaction may keep the tombstone
 * without the deletion: a reader that comes late would else never learn of it.
 */
const TOMBSTONE_POSITION_HEADER = 'millrace.position';

/** Between view entries and log records of one `views.*` topic; schemas are registered (or looked up) before first use. */
export interface ViewCodec {
  /** The entry's record; a deleted entry becomes its position-carrying record followed by a tombstone. */
  encode(entry: ViewEntry): LogRecord[];
  /** Null for tombstones and for records that are ours. Throws `record-malformed` or `schema-unknown` (after `prepare`). */
  decode(key: Buffer | null, value: Buffer | null): ViewEntry | null;
  /** Fetches the writer's schema of a value if it isn't known yet. Call it when `decode` threw `schema-unknown`, then decode again. */
  prepare(value: Buffer): Promise<void>;
}

type AvroEntry = { lsn: bigint; ts_us: number; data: ViewData[ViewKind] | null };
type Reader = (value: Buffer) => AvroEntry;

/** `topic` carries its prefix. Registering is idempotent. */
export async function createViewCodec(registry: SchemaRegistry, topic: string): Promise<ViewCodec> {
  const ids = new Map<ViewKind, number>();
  const types = new Map(viewKinds.map((kind) => [kind, avroType(viewSchemas[kind] as never)]));
  for (const kind of viewKinds) ids.set(kind, await registry.register(topic, viewSchemas[kind]));
  const readers = new Map<number, Partial<Record<ViewKind, Reader>>>();
  for (const [kind, id] of ids) readers.set(id, { [kind]: readerOf(types.get(kind)) });

  const ways = new Map(
    [...ids].map(([kind, id]) => [kind, { id, key: `${kind}:`, data: dataWriter(viewSchemas[kind]) }] as const),
  );
  // A task's entries are gone as soon as its log has them.
  const writer = new AvroWriter(0, { slabs: true });
  return {
    encode(entry) {
      const way = ways.get(entry.kind);
      if (way === undefined) throw new PlatformError('internal', `no schema for ${entry.kind}`);
      writer.reset();
      writer.text(way.key);
      writer.text(entry.id);
      const key = writer.finish();
      writer.byte(0);
      writer.uint32BE(way.id);
      writer.bigint(entry.lsn);
      writer.long(entry.tsUs);
      way.data(writer, entry.data);
      const value = writer.finish();
      return entry.data === null
        ? [
            { key, value },
            { key, value: null, headers: [[TOMBSTONE_POSITION_HEADER, positionBytes(entry)]] },
          ]
        : [{ key, value }];
    },
    decode(key, value) {
      if (key === null || value === null || key[0] === 0x5f) return null;
      const { kind, id } = splitKey(key);
      const schemaId = schemaIdOf(value);
      const known = readers.get(schemaId);
      const reader = known?.[kind];
      if (reader === undefined) {
        throw new PlatformError(
          'schema-unknown',
          `value of ${kind}:${id} has schema ${schemaId}, which is not loaded`,
          {
            context: { schemaId },
          },
        );
      }
      const { lsn, ts_us, data } = read(reader, value, `${kind}:${id}`);
      return { kind, id, lsn, tsUs: ts_us, data };
    },
    async prepare(value) {
      const id = schemaIdOf(value);
      const written = avroType((await registry.schema(id)) as never);
      const byKind: Partial<Record<ViewKind, Reader>> = {};
      for (const kind of viewKinds) {
        const target = types.get(kind);
        if (target === undefined || target.name !== written.name) continue;
        const resolver = target.createResolver(written);
        byKind[kind] = (bytes) => target.fromBuffer(bytes.subarray(HEADER_BYTES), resolver) as AvroEntry;
      }
      readers.set(id, byKind);
    },
  };
}

/** The deletion that a tombstone stands for; null where it says no position, or its key is of no known kind. Usually the deletion comes right before it. */
export function deletionOfTombstone({ key, headers }: Pick<RecordView, 'key' | 'headers'>): ViewEntry | null {
  const header = headers?.find(([name]) => name === TOMBSTONE_POSITION_HEADER)?.[1];
  if (key === null || header?.length !== 16) return null;
  const text = key.toString('utf8');
  const colon = text.indexOf(':');
  const kind = viewKinds.find((candidate) => candidate.length === colon && text.startsWith(candidate));
  if (kind === undefined) return null;
  const lsn = header.readBigUInt64BE(0);
  return { kind, id: text.slice(colon + 1), lsn, tsUs: Number(header.readBigInt64BE(8)), data: null };
}

/** Every view value is a position, a commit time and the data. */
function dataWriter(schema: unknown): WriteValue {
  const { fields } = schema as { readonly fields: readonly { readonly type: unknown }[] };
  return compileWriter(fields[2]?.type);
}

function positionBytes({ lsn, tsUs }: ViewEntry): Buffer {
  const bytes = Buffer.allocUnsafe(16);
  bytes.writeBigUInt64BE(lsn, 0);
  bytes.writeBigInt64BE(BigInt(tsUs), 8);
  return bytes;
}

function readerOf(type: ReturnType<typeof avroType> | undefined): Reader {
  return (value) => type?.fromBuffer(value.subarray(HEADER_BYTES)) as AvroEntry;
}

function read(reader: Reader, value: Buffer, key: string): AvroEntry {
  try {
    return reader(value);
  } catch (error) {
    throw new PlatformError('record-malformed', `value of ${key} does not follow its schema`, { cause: error });
  }
}

function splitKey(key: Buffer): { kind: ViewKind; id: string } {
  const text = key.toString('utf8');
  const colon = text.indexOf(':');
  const kind = viewKinds.find((candidate) => candidate.length === colon && text.startsWith(candidate));
  if (kind === undefined)
    throw new PlatformError('record-malformed', `key ${JSON.stringify(text)} is of no known kind`);
  return { kind, id: text.slice(colon + 1) };
}
