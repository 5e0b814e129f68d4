import type { Resnapshot } from '../capture/index.ts';

/** What is known of a re-snapshot from look to look. Pure: told the time. */
export class ReadingWatch {
  #at = '';
  #movedMs: number;
  #heldAt = -1;

  constructor(nowMs: number) {
    this.#movedMs = nowMs;
  }

  /** For how long it has stood still, ms. One that waits for its turn does not. */
  stillMs({ state, phase, tablesDone, rows, deleted }: Resnapshot, nowMs: number): number {
    const at = `${state} ${phase} ${tablesDone} ${rows} ${deleted}`;
    if (at !== this.#at || state === 'queued') this.#movedMs = nowMs;
    this.#at = at;
    return nowMs - this.#movedMs;
  }

  /** Whether it may be held now: it has published something since the last time, so that it comes to its end however late readers' views are. */
  mayHold({ state, rows, deleted }: Resnapshot): boolean {
    if (state !== 'running' || rows + deleted === this.#heldAt) return false;
    this.#heldAt = rows + deleted;
    return true;
  }
}
