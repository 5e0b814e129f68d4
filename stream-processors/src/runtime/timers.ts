import type { Journal } from './journal.ts';
import { StateStore } from './state-store.ts';

export interface TimerState {
  readonly dueUs: number;
  /** Parked with it when the handler throws. */
  readonly aggregate: string | null;
}

interface Due {
  readonly dueUs: number;
  readonly key: string;
}

const earlier = (a: Due, b: Due): boolean => a.dueUs < b.dueUs || (a.dueUs === b.dueUs && a.key < b.key);

/** Timers on stream time, one per key, kept as state. The heap holds every time ever set; what no longer stands is skipped when it comes up. */
export class Timers {
  readonly store: StateStore<TimerState>;
  readonly #heap: Due[] = [];

  constructor(journal: Journal) {
    this.store = new StateStore<TimerState>('_timer/', journal);
  }

  set(key: string, dueUs: number, aggregate: string | null): void {
    const present = this.store.get(key);
    if (present?.dueUs === dueUs && present.aggregate === aggregate) return;
    this.store.set(key, { dueUs, aggregate });
    this.#push({ dueUs, key });
  }

  clear(key: string): void {
    this.store.delete(key);
  }

  /** After a restore or an undone call: whatever is in the store is in the heap. */
  rebuild(): void {
    this.#heap.length = 0;
    for (const key of this.store.keys()) {
      const timer = this.store.get(key);
      if (timer !== undefined) this.#push({ dueUs: timer.dueUs, key });
    }
  }

  /** Takes the earliest timer due at `nowUs`, in order of (due, key); undefined when there is none. */
  takeDue(nowUs: number): { key: string; timer: TimerState } | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.dueUs > nowUs) return undefined;
      this.#pop();
      const timer = this.store.get(first.key);
      if (timer?.dueUs !== first.dueUs) continue;
      this.store.delete(first.key);
      return { key: first.key, timer };
    }
  }

  #push(due: Due): void {
    const heap = this.#heap;
    let at = heap.push(due) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !earlier(due, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = due;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = at * 2 + 1;
      let child = heap[below];
      if (child === undefined) break;
      const right = heap[below + 1];
      if (right !== undefined && earlier(right, child)) {
        child = right;
        below++;
      }
      if (!earlier(child, last)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = last;
  }
}
