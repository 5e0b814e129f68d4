import type { KeyedStore } from '../runtime/processor.ts';
import type { GroupState, Measured } from './measured.ts';
import { Running } from './node.ts';
import type { Place, Waiting } from './place.ts';
import { spansOf } from './window-spans.ts';
import type { Span, Windowing } from './window-spans.ts';

/** A group's result in one window. */
export interface InWindow<R> extends Span {
  readonly group: string;
  readonly result: R;
}

/** A value that came (or was taken back) after a window it belongs in had closed: it is in no result of that window. */
export interface Late<T> {
  readonly value: T;
  /** True: the closed window counts it although it is gone or another now. */
  readonly retraction: boolean;
  readonly startUs: number;
  readonly endUs: number;
}

/** A window's state: its group, span and measures. */
export interface WindowState extends Span, GroupState {
  readonly group: string;
}
export const windowIndexes = { group: ({ group }: WindowState): string => group };
type WindowStore = KeyedStore<WindowState, 'group'>;

export interface WindowSpec<T> {
  readonly node: number;
  readonly windowing: Windowing;
  readonly at: (value: T) => number;
  /** How long after its end a window still takes values, µs of stream time. */
  readonly graceUs: number;
  readonly groupOf: (value: T, key: string) => string | null;
}

/** What a window is known by. */
export const windowKey = (group: string, startUs: number): string => `${group}@${startUs}`;

/** Something that hears of values and windows: the side outputs. */
class Side<T> extends Running<T> {
  get(): undefined {
    return undefined;
  }
  say(key: string, value: T): void {
    this.pass(key, undefined, value);
  }
}

/**
 * Groups measured per window of event time. A window is open until stream time reaches its end and the grace; then it is told to `closed`, for
 * the last time, and its state goes. What comes for a closed window is counted and told to `late`.
 */
export class Windows<T, R> extends Running<InWindow<R>> implements Waiting {
  readonly closed: Side<InWindow<R>>;
  readonly late: Side<Late<T>>;
  readonly #spec: WindowSpec<T>;
  readonly #measured: Measured<T, R>;
  readonly #windows: WindowStore;
  readonly #lateCount: KeyedStore<number>;
  readonly #changed = new Map<string, WindowState | undefined>();
  readonly #call: () => void;

  constructor(
    place: Place,
    stores: { readonly windows: string; readonly late: string },
    from: Running<T>,
    spec: WindowSpec<T>,
    measured: Measured<T, R>,
  ) {
    super(place);
    this.#spec = spec;
    this.#measured = measured;
    this.#windows = place.store(stores.windows);
    this.#lateCount = place.store(stores.late);
    this.#call = place.waits(this);
    this.closed = new Side(place);
    this.late = new Side(place);
    place.onTimer(spec.node, (key) => this.#close(key));
    from.listen({
      take: (key, before, after) => {
        if (before !== undefined) this.#take(before, key, true);
        if (after !== undefined) this.#take(after, key, false);
      },
      forget: () => undefined,
    });
  }

  get(key: string): InWindow<R> | undefined {
    return this.#told(this.#windows.get(key));
  }

  flush(): void {
    for (const [key, before] of this.#changed) {
      this.pass(key, this.#told(before), this.#told(this.#windows.get(key)));
    }
    this.#changed.clear();
  }

  discard(): void {
    this.#changed.clear();
  }

  #take(value: T, key: string, retraction: boolean): void {
    const group = this.#spec.groupOf(value, key);
    if (group === null) return;
    const { windowing, at } = this.#spec;
    const atUs = at(value);
    if (windowing.kind === 'session') {
      this.#takeSession(value, key, group, { startUs: atUs, endUs: atUs + windowing.gapUs });
      return;
    }
    for (const span of spansOf(windowing, atUs)) {
      if (this.#isClosed(span)) {
        this.#tooLate(value, key, span, retraction);
        continue;
      }
      const state = this.#windows.get(windowKey(group, span.startUs)) ?? { ...this.#measured.empty, ...span, group };
      const measured = retraction ? this.#measured.remove(state, value, key) : this.#measured.add(state, value, key);
      this.#set(group, span, measured);
    }
  }

  /** Joins the sessions that the value's own span touches into one. */
  #takeSession(value: T, key: string, group: string, own: Span): void {
    const touched: WindowState[] = [];
    for (const held of this.#windows.keysBy('group', group)) {
      const state = this.#windows.get(held);
      if (state !== undefined && state.startUs < own.endUs && own.startUs < state.endUs) touched.push(state);
    }
    touched.sort((a, b) => a.startUs - b.startUs);
    const span = {
      startUs: Math.min(own.startUs, ...touched.map(({ startUs }) => startUs)),
      endUs: Math.max(own.endUs, ...touched.map(({ endUs }) => endUs)),
    };
    if (this.#isClosed(span)) {
      this.#tooLate(value, key, span, false);
      return;
    }
    let state: GroupState = touched.reduce<GroupState>(
      (merged, each) => this.#measured.merge(merged, each),
      this.#measured.empty,
    );
    state = this.#measured.add(state, value, key);
    for (const { startUs, endUs } of touched) {
      if (startUs !== span.startUs) this.#set(group, { startUs, endUs }, this.#measured.empty);
    }
    this.#set(group, span, state);
  }

  #set(group: string, { startUs, endUs }: Span, { n, held }: GroupState): void {
    const key = windowKey(group, startUs);
    const before = this.#windows.get(key);
    if (!this.#changed.has(key)) this.#changed.set(key, before);
    this.#call();
    const timer = `${this.#spec.node}/${key}`;
    if (n === 0) {
      this.#windows.delete(key);
      this.place.ctx.clearTimer(timer);
      return;
    }
    this.#windows.set(key, { group, startUs, endUs, n, held });
    if (before?.endUs !== endUs) this.place.ctx.setTimer(timer, endUs + this.#spec.graceUs);
  }

  #isClosed({ endUs }: Span): boolean {
    return endUs + this.#spec.graceUs <= this.place.ctx.streamTimeUs;
  }

  #tooLate(value: T, key: string, { startUs, endUs }: Span, retraction: boolean): void {
    this.#lateCount.set('n', (this.#lateCount.get('n') ?? 0) + 1);
    const what = retraction ? '-' : '+';
    this.late.say(`${key}@${startUs}${what}`, { value, retraction, startUs, endUs });
  }

  #close(key: string): void {
    const result = this.get(key);
    this.#windows.delete(key);
    if (result !== undefined) this.closed.say(key, result);
    this.passForget(key);
  }

  #told(state: WindowState | undefined): InWindow<R> | undefined {
    if (state === undefined) return undefined;
    const { group, startUs, endUs } = state;
    return { group, startUs, endUs, result: this.#measured.result(state) };
  }
}
