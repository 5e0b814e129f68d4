import type { NoteWriter } from './parked-tables.ts';

const PREFIX = 'generation/';

/**
 * Which generation of its record schema a table is in. A schema that readers of older records cannot follow begins the next one: a record of
 * another name (`<schema>.<table>_2.Envelope`), hence another subject of the registry, whose rule stands untouched. Noted with the log.
 */
export class Generations {
  readonly #numbers = new Map<string, number>();
  #write: NoteWriter | null = null;

  constructor(notes: ReadonlyMap<string, unknown> = new Map()) {
    for (const [key, note] of notes) {
      if (key.startsWith(PREFIX)) this.#numbers.set(key.slice(PREFIX.length), Number(note));
    }
  }

  /** 1 at first. */
  of(table: string): number {
    return this.#numbers.get(table) ?? 1;
  }

  /** From now on they can be noted, by the fenced writer. */
  open(write: NoteWriter): void {
    this.#write = write;
  }

  /** Resolves when it is noted. */
  async next(table: string): Promise<void> {
    const number = this.of(table) + 1;
    await this.#write?.(PREFIX + table, number);
    this.#numbers.set(table, number);
  }
}
