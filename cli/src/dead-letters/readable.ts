import { asPlatformError } from '@millrace/kernel/errors';
import { createChangeDecoder } from '@millrace/schemas/cdc';
import type { SchemaRegistry } from '@millrace/schemas/registry';
import { createViewCodec } from '@millrace/schemas/views';

/** What a letter's record says, or why it cannot be read, with its bytes. */
export type Readable = { readonly record: unknown } | { readonly unreadable: string; readonly bytes: string };

/** Most bytes shown of what nobody can read. */
const SHOWN_BYTES = 256;

/** Reads the record of a letter with the newest schemas of this release. `topic`: its origin, with prefix. */
export async function readable(
  registry: SchemaRegistry,
  topic: string,
  prefix: string,
  key: Buffer | null,
  value: Buffer | null,
): Promise<Readable> {
  if (value === null) return { record: null };
  try {
    if (topic.startsWith(`${prefix}cdc.`)) {
      const decoder = createChangeDecoder(registry);
      await decoder.prepare(value);
      const { op, table, lsn, ordinal, before, after } = decoder.decode(value);
      return { record: { op, table, lsn: lsn.toString(), ordinal, before, after } };
    }
    const codec = await createViewCodec(registry, topic);
    await codec.prepare(value);
    return { record: codec.decode(key, value)?.data ?? null };
  } catch (error) {
    return { unreadable: asPlatformError(error).message, bytes: value.subarray(0, SHOWN_BYTES).toString('hex') };
  }
}
