import { PlatformError } from '@millrace/kernel/errors';
import { z } from '@millrace/kernel/config';
import type { LogClient, LogWriter } from '@millrace/kernel/log';
import { CAPTURE_STATE_TOPIC } from '@millrace/schemas/topics';

/** What the producers note of the source that the log was copied from. */
export interface SlotMemory {
  readonly slot: string;
  readonly systemId: string;
  readonly timeline: number;
  /** Positions of the copy carry this epoch. */
  readonly epoch: number;
  /** `running` is noted before the first row of a snapshot, `complete` after its last: one that was killed is made again. */
  readonly snapshot: 'running' | 'complete';
  /** The tables that the log holds, `schema.table`, each with its primary key's columns: others were added, or key their rows differently now. */
  readonly tables?: Readonly<Record<string, readonly string[]>> | undefined;
  /** The `cdc` topics that the log has, without prefix. */
  readonly topics?: readonly string[] | undefined;
}

const memorySchema = z.object({
  slot: z.string(),
  systemId: z.string(),
  timeline: z.number().int(),
  epoch: z.number().int(),
  snapshot: z.enum(['running', 'complete']),
  tables: z.record(z.string(), z.array(z.string())).optional(),
  topics: z.array(z.string()).optional(),
});

const SLOT_KEY = 'slot';
const READ_MS = 500;
const MAX_SILENT_POLLS = 60;

/**
 * The capture's notes: a small compacted topic beside the log, one partition, values in JSON, the last one of a key counts. They stand with the
 * log and not in the source, because what they tell apart is the source. Written by the fenced writer only, so an older producer adds nothing.
 */
export function stateTopic(topicPrefix: string): string {
  return topicPrefix + CAPTURE_STATE_TOPIC;
}

/** The last note of each key. Throws `engine-unreachable` where the log does not give them. */
export async function readNotes(log: LogClient, topic: string): Promise<Map<string, unknown>> {
  const notes = new Map<string, unknown>();
  const [range] = await log.admin.offsets(topic);
  if (range === undefined || range.start >= range.end) return notes;
  const reader = log.createReader();
  try {
    reader.assign([{ topic, partition: 0, offset: range.start }]);
    let next = range.start;
    for (let silent = 0; next < range.end;) {
      const batches = await reader.poll(READ_MS);
      silent = batches.length > 0 ? 0 : silent + 1;
      if (silent > MAX_SILENT_POLLS) throw new PlatformError('engine-unreachable', `the log does not give ${topic}`);
      for (const batch of batches) {
        for (const { key, value } of batch.records) {
          const name = key?.toString() ?? '';
          if (name.startsWith('_')) continue;
          if (value === null) notes.delete(name);
          else notes.set(name, parsed(topic, name, value.toString()));
        }
        next = batch.nextOffset;
      }
    }
    return notes;
  } finally {
    await reader.close();
  }
}

/** Null where nothing was noted. Throws `record-malformed`. */
export function slotMemory(notes: ReadonlyMap<string, unknown>): SlotMemory | null {
  const note = notes.get(SLOT_KEY);
  if (note === undefined) return null;
  const checked = memorySchema.safeParse(note);
  if (checked.success) return checked.data;
  throw new PlatformError('record-malformed', 'the capture noted its slot in a form that is not known here');
}

export function rememberSlot(writer: LogWriter, topic: string, memory: SlotMemory): Promise<void> {
  return writeNote(writer, topic, SLOT_KEY, memory);
}

/** Resolves when the log holds it; null takes a note back. */
export async function writeNote(writer: LogWriter, topic: string, key: string, note: unknown): Promise<void> {
  const value = note === null ? null : Buffer.from(JSON.stringify(note));
  await writer.append([{ topic, partition: 0, records: [{ key: Buffer.from(key), value }] }]);
}

function parsed(topic: string, key: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new PlatformError('record-malformed', `${topic} holds a note (${key}) that is not JSON`, { cause: error });
  }
}
