import { z } from '@millrace/kernel/config';
import { PlatformError } from '@millrace/kernel/errors';
import type { Lsn } from '@millrace/kernel/position';
import type { Logger } from '@millrace/kernel/telemetry';

/**
 * schema: the registry refuses the table's new schema, readers of older records would break. key: the columns of its key or aggregate changed.
 * missing: it is not there, not published, or not under its name.
 */
export type ParkCause = 'schema' | 'key' | 'missing';

export interface ParkedTable {
  /** `schema.table` */
  readonly table: string;
  readonly cause: ParkCause;
  readonly reason: string;
  readonly since: string;
  /** Changes of it that were not published, since this process began. */
  readonly rows: number;
}

/** Where in the stream a table was parked: the commit that first had what readers can't follow. */
export interface ParkedAt {
  readonly lsn: Lsn;
  /** That of its record schema, up to there. */
  readonly generation: number;
}

/**
 * What holds for a table's changes at a position. before: they are published as they were before it was parked. held: they are left out. now:
 * they are published as it is now.
 */
export type Phase = 'before' | 'held' | 'now';

const lsnSchema = z
  .string()
  .regex(/^\d+$/)
  .transform((text) => BigInt(text));
const noteSchema = z.object({
  /** parked: its changes are not published. resuming: they are, and a re-snapshot of it is still to be asked for. resumed: it was asked for. */
  state: z.enum(['parked', 'resuming', 'resumed']),
  cause: z.enum(['schema', 'key', 'missing']),
  reason: z.string(),
  since: z.string(),
  /** Absent where it was parked as the stream began. */
  from: lsnSchema.optional(),
  /** Of its record schema up to `from`. */
  generation: z.number().int().min(1).optional(),
  /** The mark that resumed it; absent of one that was added. */
  until: lsnSchema.optional(),
});
type Note = z.output<typeof noteSchema>;

/** Writes a note that outlives the process; null takes it back. Resolves when it is held. */
export type NoteWriter = (key: string, note: unknown) => Promise<void>;

const PREFIX = 'table/';

/**
 * The tables whose changes are held back, noted with the log: a table that was parked stays so over restarts until an operator resumes it, and
 * one that was resumed is read again even if the process that resumed it died.
 *
 * Where it was parked and resumed is noted too, for the last time that it was: a producer that is sent again what another was sent before leaves
 * out the same changes, and publishes the ones before them that the log does not hold yet.
 */
export class ParkedTables {
  readonly #notes = new Map<string, Note>();
  readonly #rows = new Map<string, number>();
  readonly #unwritten = new Set<string>();
  readonly #logger: Logger;
  #write: NoteWriter | null = null;

  /** @param notes what the log's notes hold, of others too. */
  constructor(notes: ReadonlyMap<string, unknown>, logger: Logger) {
    this.#logger = logger;
    for (const [key, note] of notes) {
      if (!key.startsWith(PREFIX)) continue;
      const checked = noteSchema.safeParse(note);
      if (!checked.success) throw new PlatformError('record-malformed', `the capture's note ${key} is not readable`);
      this.#notes.set(key.slice(PREFIX.length), checked.data);
    }
  }

  has(table: string): boolean {
    return this.#notes.get(table)?.state === 'parked';
  }

  list(): ParkedTable[] {
    return [...this.#notes].flatMap(([table, { state, cause, reason, since }]) =>
      state === 'parked' ? [{ table, cause, reason, since, rows: this.#rows.get(table) ?? 0 }] : [],
    );
  }

  /** What holds for its changes at a position. At the commit that parked it `before`: what comes first in it may be of the shape before. */
  phase(table: string, lsn: Lsn): Phase {
    const note = this.#notes.get(table);
    if (note === undefined) return 'now';
    if (note.from !== undefined && lsn <= note.from) return 'before';
    if (note.state === 'parked') return 'held';
    return note.until !== undefined && lsn < note.until ? 'held' : 'now';
  }

  /** The generation of its record schema before it was parked last; undefined where that is not noted. */
  generationBefore(table: string): number | undefined {
    return this.#notes.get(table)?.generation;
  }

  /** Why it was parked, where the mark at this position is the one that resumed it; else null. */
  resumedAt(table: string, lsn: Lsn): ParkCause | null {
    const note = this.#notes.get(table);
    return note?.until === lsn ? note.cause : null;
  }

  find(table: string): ParkedTable | undefined {
    return this.list().find((parked) => parked.table === table);
  }

  /** Resumed, or added; to be read again. */
  resuming(): string[] {
    return [...this.#notes].flatMap(([table, { state }]) => (state === 'resuming' ? [table] : []));
  }

  /** A change of a parked table came. */
  count(table: string): void {
    this.#rows.set(table, (this.#rows.get(table) ?? 0) + 1);
  }

  /** From now on notes can be written, by the fenced writer; what was noted before is written first. */
  async open(write: NoteWriter): Promise<void> {
    this.#write = write;
    for (const table of [...this.#unwritten]) await this.#save(table);
  }

  /** Resolves when it is noted; before `open`, it is noted then. Without `at`, from where the stream begins. */
  async park(table: string, cause: ParkCause, reason: string, at: ParkedAt | null = null): Promise<void> {
    if (this.has(table)) return;
    const where = at === null ? {} : { from: at.lsn, generation: at.generation };
    this.#notes.set(table, { state: 'parked', cause, reason, since: new Date().toISOString(), ...where });
    this.#logger.error({ table, cause }, parkedText({ table, reason }));
    await this.#save(table);
  }

  /** Its changes are published from this mark on. Resolves when that is noted. */
  async resume(table: string, until: Lsn): Promise<void> {
    const note = this.#notes.get(table);
    if (note === undefined) throw new PlatformError('internal', `${table} was never parked`);
    this.#notes.set(table, { ...note, state: 'resuming', until });
    await this.#save(table);
  }

  /** The log does not have it yet: its changes are published, and it is to be read. */
  async added(table: string): Promise<void> {
    if (this.has(table)) return;
    this.#notes.set(table, { state: 'resuming', cause: 'missing', reason: 'added', since: new Date().toISOString() });
    await this.#save(table);
  }

  /** Its re-snapshot is asked for. */
  async resumed(table: string): Promise<void> {
    const note = this.#notes.get(table);
    if (note?.until === undefined) this.#notes.delete(table);
    else this.#notes.set(table, { ...note, state: 'resumed' });
    await this.#save(table);
  }

  async #save(table: string): Promise<void> {
    this.#unwritten.add(table);
    if (this.#write === null) return;
    const note = this.#notes.get(table);
    await this.#write(PREFIX + table, note === undefined ? null : written(note));
    this.#unwritten.delete(table);
  }
}

function written({ from, until, ...note }: Note): unknown {
  return { ...note, from: from?.toString(), until: until?.toString() };
}

/** One sentence with what to do. */
export function parkedText({ table, reason }: Pick<ParkedTable, 'table' | 'reason'>): string {
  return (
    `${table} is parked, its changes are not published: ${reason}. ` +
    `When that is mended or accepted: \`millrace capture resume --table ${table}\``
  );
}
