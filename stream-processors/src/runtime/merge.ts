import type { Lsn } from '@millrace/kernel/position';
import type { Element } from './element.ts';

/** One input of a task: what it has shown and is not yet taken, and how far it is known to be complete. */
export class InputQueue {
  #elements: Element[] = [];
  #head = 0;
  #owned = 0;
  /** Highest lsn shown. */
  #shown: Lsn;
  /** A watermark showed it, or the frontier it began at: else more of the same commit may follow. */
  #closed = true;
  #ordinal = -1;
  #nextOffset: bigint;

  constructor(frontier: Lsn, nextOffset: bigint) {
    this.#shown = frontier;
    this.#nextOffset = nextOffset;
  }

  /** Every commit at or below is in the queue or was taken: nothing at or below can still come. */
  get completeTo(): Lsn {
    return this.#closed ? this.#shown : this.#shown - 1n;
  }

  isCompleteAt(lsn: Lsn): boolean {
    return this.#closed ? this.#shown >= lsn : this.#shown > lsn;
  }

  get shown(): Lsn {
    return this.#shown;
  }

  get length(): number {
    return this.#elements.length - this.#head;
  }

  get head(): Element | undefined {
    return this.#elements[this.#head];
  }

  /** Where a restart would go on: the first record that is not taken yet. */
  get resumeOffset(): bigint {
    return this.head?.offset ?? this.#nextOffset;
  }

  /**
   * Adds what comes next in the partition. False, and not added, where the input has shown it already: a position at or below its
   * watermark, or at or below the last row's. So a record that is written twice counts once.
   */
  push(element: Element): boolean {
    if (element.kind !== 'poison') {
      const { lsn } = element;
      const ordinal = element.kind === 'change' ? element.change.ordinal : -1;
      if (lsn > this.#shown) {
        this.#ordinal = ordinal;
      } else {
        if (this.#closed || lsn < this.#shown) return false;
        if (element.kind === 'change' && ordinal <= this.#ordinal) return false;
        if (ordinal > this.#ordinal) this.#ordinal = ordinal;
      }
      this.#shown = lsn;
      this.#closed = element.kind === 'watermark';
    }
    this.#elements.push(element);
    return true;
  }

  /** Records up to here have been pushed, or are of no interest. */
  readTo(offset: bigint): void {
    this.#nextOffset = offset;
  }

  take(): void {
    this.#head++;
    if (this.#head === this.#elements.length) {
      this.#elements = [];
      this.#head = 0;
      this.#owned = 0;
    } else if (this.#head > 4096 && this.#head * 2 > this.#elements.length) {
      this.#elements = this.#elements.slice(this.#head);
      this.#owned = Math.max(0, this.#owned - this.#head);
      this.#head = 0;
    }
  }

  /** Before the next poll: what stays takes its bytes along. */
  own(): void {
    for (let at = Math.max(this.#owned, this.#head); at < this.#elements.length; at++) {
      const element = this.#elements[at];
      if (element !== undefined && element.kind !== 'watermark') element.origin.own();
    }
    this.#owned = this.#elements.length;
  }
}

/**
 * The deterministic merge: inputs taken by position. A step is one lsn: every row, entry and watermark that any input has at it. Which steps
 * there are, and what each holds, depends on the inputs' content alone, never on the order in which it arrived.
 */
export class Merge {
  readonly inputs: readonly InputQueue[];

  constructor(inputs: readonly InputQueue[]) {
    this.inputs = inputs;
  }

  /** The next step's lsn, once every input has shown data or a watermark at or past it; else null. */
  next(): Lsn | null {
    let lowest: Lsn | null = null;
    for (const input of this.inputs) {
      const { head } = input;
      if (head === undefined) return null;
      if (lowest === null || head.lsn < lowest) lowest = head.lsn;
    }
    return lowest;
  }

  /** Whether all there will ever be at `lsn` is in the queues. */
  completeAt(lsn: Lsn): boolean {
    for (const input of this.inputs) if (!input.isCompleteAt(lsn)) return false;
    return true;
  }

  /** Latest commit time among the inputs' first elements at `lsn`. */
  timeAt(lsn: Lsn): number {
    let tsUs = 0;
    for (const { head } of this.inputs) if (head?.lsn === lsn && head.tsUs > tsUs) tsUs = head.tsUs;
    return tsUs;
  }

  /** Every commit at or below is complete in all inputs. */
  frontier(): Lsn {
    let lowest: Lsn | null = null;
    for (const { completeTo } of this.inputs) if (lowest === null || completeTo < lowest) lowest = completeTo;
    return lowest ?? 0n;
  }
}
