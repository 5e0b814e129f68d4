import { z } from '@millrace/kernel/config';
import { PlatformError } from '@millrace/kernel/errors';
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

const noteSchema = z.object({
  /** parked: its changes are not published. resuming: they are, and a re-snapshot of it is still to be asked for. */
  state: z.enum(['parked', 'resuming']),
  cause: z.enum(['schema', 'key', 'missing']),
  reason: z.string(),
  since: z.string(),
});
type Note = z.output<typeof noteSchema>;

/** Writes a note that outlives the process; null takes it back. Resolves when it is held. */
export type NoteWriter = (key: string, note: unknown) => Promise<void>;

const PREFIX = 'table/';

/**
 * The tables whose changes are held back, noted with the log: a table that was parked stays so over restarts until an operator resumes it, and
 * one that was resumed is read again even if the process that resumed it died.
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

  /** Resolves when it is noted; before `open`, it is noted then. */
  async park(table: string, cause: ParkCause, reason: string): Promise<void> {
    if (this.has(table)) return;
    this.#notes.set(table, { state: 'parked', cause, reason, since: new Date().toISOString() });
    this.#logger.error({ table, cause }, parkedText({ table, reason }));
    await this.#save(table);
  }

  /** Its changes are published from here on. */
  async resume(table: string): Promise<void> {
    const note = this.#notes.get(table);
    this.#notes.set(table, {
      cause: note?.cause ?? 'missing',
      reason: note?.reason ?? 'added',
      since: note?.since ?? new Date().toISOString(),
      state: 'resuming',
    });
    await this.#save(table);
  }

  /** Its re-snapshot is asked for. */
  async resumed(table: string): Promise<void> {
    this.#notes.delete(table);
    await this.#save(table);
  }

  async #save(table: string): Promise<void> {
    this.#unwritten.add(table);
    if (this.#write === null) return;
    await this.#write(PREFIX + table, this.#notes.get(table) ?? null);
    this.#unwritten.delete(table);
  }
}

/** One sentence with what to do. */
export function parkedText({ table, reason }: Pick<ParkedTable, 'table' | 'reason'>): string {
  return (
    `${table} is parked, its changes are not published: ${reason}. ` +
    `When that is mended or accepted: \`millrace capture resume --table ${table}\``
  );
}
