import { PlatformError } from '@millrace/kernel/errors';
import type { Lsn } from '@millrace/kernel/position';
import { viewNames } from '@millrace/schemas/stores';
import type { PartitionMark, ViewName } from '@millrace/schemas/stores';
import type { ViewEntry } from '@millrace/schemas/views';
import { greatestMark, markOf, partitionKey } from '../port/index.ts';
import type { Refusal, Sink, SinkBatch, SinkObserver } from '../port/index.ts';

interface Held {
  readonly lsn: Lsn;
  readonly data: unknown;
}

/** The store of one or more memory sinks: outlives them as a server outlives its clients. */
export class MemoryStore {
  /** `<kind>:<id>` → version and data; data null where deleted. */
  readonly entries = new Map<string, Held>();
  readonly marks = new Map<string, PartitionMark>();
  /** While false, every call fails with `store-unavailable`. */
  available = true;
  /** Whether an entry is one that it will never take. */
  refuses: (entry: ViewEntry) => boolean = () => false;
  /** Called before each write is applied: hold it up, or count it. */
  beforeWrite: (batches: readonly SinkBatch[]) => Promise<void> | void = () => undefined;
}

/** The contract in its plainest form: the model that the real stores are compared with, and the runner's test double. */
export class MemorySink implements Sink {
  readonly name: string;
  readonly views: readonly ViewName[];
  readonly #store: MemoryStore;
  #observer: SinkObserver | null = null;

  constructor(store: MemoryStore, options: { name?: string; views?: readonly ViewName[] } = {}) {
    this.#store = store;
    this.name = options.name ?? 'memory';
    this.views = options.views ?? viewNames;
  }

  async open(observer: SinkObserver): Promise<void> {
    await Promise.resolve();
    this.#reach();
    this.#observer = observer;
  }

  async positions(): Promise<readonly PartitionMark[]> {
    await Promise.resolve();
    this.#reach();
    return [...this.#store.marks.values()];
  }

  async write(batches: readonly SinkBatch[]): Promise<void> {
    await this.#store.beforeWrite(batches);
    this.#reach();
    const refusals = batches.flatMap(({ entries }) => entries.filter(this.#store.refuses)).map(refusalOf);
    if (refusals.length > 0) await this.#observer?.refused(refusals);
    for (const batch of batches) this.#apply(batch);
    this.#observer?.applied(batches.map(markOf));
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#observer = null;
    return Promise.resolve();
  }

  #reach(): void {
    if (!this.#store.available) throw new PlatformError('store-unavailable', 'the store in memory is switched off');
  }

  #apply(batch: SinkBatch): void {
    const { entries, marks } = this.#store;
    for (const entry of batch.entries) {
      if (this.#store.refuses(entry)) continue;
      const { kind, id, lsn, data } = entry;
      const held = entries.get(`${kind}:${id}`);
      if (held === undefined || lsn >= held.lsn) entries.set(`${kind}:${id}`, { lsn, data });
    }
    const mark = markOf(batch);
    const known = marks.get(partitionKey(batch));
    marks.set(partitionKey(batch), known === undefined ? mark : { ...mark, ...greatestMark(known, mark) });
  }
}

function refusalOf(entry: ViewEntry): Refusal {
  return { entry, error: new PlatformError('store-rejected', `the store in memory refuses ${entry.kind}:${entry.id}`) };
}
