/**
 * How much of their state the tasks of a process keep in memory, in bytes of JSON. A value that was made of its JSON takes about three times as much.
 * One for the whole process: a task that holds little leaves room to the others.
 */
export class StateMemory {
  readonly limitBytes: number;
  #usedBytes = 0;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Bytes too many; 0: there is room. */
  get overBytes(): number {
    return Math.max(0, this.#usedBytes - this.limitBytes);
  }

  /** So many more, or fewer where it is below 0. */
  take(bytes: number): void {
    this.#usedBytes += bytes;
  }
}
