/** What can take back one of its changes. */
export interface Undoable<S = unknown, V = unknown> {
  /** `subject`, `before` and `flag` are what was said when the change was recorded. */
  undo(subject: S, before: V, flag: boolean): void;
}

/** Changes kept for later calls to reuse the place; a call with more gives the place back. */
const KEPT = 1024;

/** Undoes what one handler call did, newest first. Records without allocating: it is asked at every write of every handler. */
export class Journal {
  readonly #who: Undoable<never, never>[] = [];
  readonly #subjects: unknown[] = [];
  readonly #before: unknown[] = [];
  readonly #flags: boolean[] = [];
  #length = 0;

  record<S, V>(who: Undoable<S, V>, subject: S, before: V, flag: boolean): void {
    const at = this.#length++;
    this.#who[at] = who;
    this.#subjects[at] = subject;
    this.#before[at] = before;
    this.#flags[at] = flag;
  }

  /** The call is good. */
  clear(): void {
    if (this.#length > KEPT) {
      for (const list of [this.#who, this.#subjects, this.#before, this.#flags]) list.length = 0;
    }
    this.#length = 0;
  }

  rollback(): void {
    while (this.#length > 0) {
      const at = --this.#length;
      this.#who[at]?.undo(this.#subjects[at] as never, this.#before[at] as never, this.#flags[at] ?? false);
    }
  }
}
