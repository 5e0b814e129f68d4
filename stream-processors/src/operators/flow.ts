import type { CdcTopic } from '@millrace/schemas/topics';
import type { ViewData, ViewKind } from '@millrace/schemas/views';
import type { ViewLog } from '../runtime/processor.ts';
import { InsertedRows, TableRows, ViewEntries } from './sources.ts';
import type { TableSpec } from './sources.ts';
import { plainStore } from './plan.ts';
import type { Plan } from './plan.ts';
import { Collection, Stream } from './values.ts';

/** A table whose rows are only ever inserted. */
export interface EventsSpec<T> extends TableSpec<T> {
  /**
   * `keys` (default): a row that is read again, in a snapshot or to mend what follows, counts once; costs a key of state per row, for ever (a
   * delete forgets it). `nothing`: for topics that nothing is ever read into again; such a row parks its aggregate.
   */
  readonly remembers?: 'keys' | 'nothing';
}

export interface ViewSpec<K extends ViewKind, T> {
  /** What is kept of an entry; null: it does not count. */
  readonly value: (data: ViewData[K], id: string) => T | null;
  /** Reads every partition of the topic and keeps the entries that this answers an id of this task for. */
  readonly owner?: (data: ViewData[K], id: string) => string | null;
}

/** Which of a topic's partitions a task reads: the one with its own number, or every one. */
export interface Reach {
  readonly partitions?: 'own' | 'all';
}

/** Where a pipeline begins: tables, facts and other views. `O`: the entries of the processor's own view, by kind. */
export class Flow<O> {
  readonly #plan: Plan;

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  /** A table's rows by primary key. With `partitions: 'all'` every task has all of them, or with `owner` its own by another id. */
  table<T>(topic: CdcTopic, table: string, { partitions = 'own', ...spec }: TableSpec<T> & Reach): Collection<T, O> {
    const node = this.#plan.source<T>(
      `${topic}/${table}`,
      { from: 'cdc', topic, tables: [table], partitions },
      {
        label: table,
        stores: { rows: plainStore },
        start: (place, _, stores) => new TableRows(place, stores('rows'), spec),
      },
    );
    return new Collection(this.#plan, node);
  }

  /** A table of the broadcast topic: every task has all of it. */
  reference<T>(table: string, spec: TableSpec<T>): Collection<T, O> {
    return this.table('cdc.reference', table, spec);
  }

  /** Facts. An update of such a row parks its aggregate; what a deleted one added stays. */
  events<T>(topic: CdcTopic, table: string, given: EventsSpec<T> & Reach): Stream<T, O> {
    const { partitions = 'own', remembers = 'keys', ...spec } = given;
    const node = this.#plan.source<T>(
      `${topic}/${table}`,
      { from: 'cdc', topic, tables: [table], partitions },
      {
        label: table,
        insertOnly: true,
        ...(remembers === 'keys' ? { stores: { seen: plainStore } } : {}),
        start: (place, _, stores) => new InsertedRows(place, remembers === 'keys' ? stores('seen') : null, table, spec),
      },
    );
    return new Stream(this.#plan, node);
  }

  /** Entries of another processor's view, as of the same commit. */
  view<K extends ViewKind, T>(
    topic: ViewLog,
    kind: K,
    { value, owner, partitions = 'own' }: ViewSpec<K, T> & Reach,
  ): Collection<T, O> {
    const node = this.#plan.source<T>(
      kind,
      { from: 'view', topic, kinds: [kind], partitions },
      {
        label: kind,
        stores: { entries: plainStore },
        start: (place, _, stores) => new ViewEntries<T>(place, stores('entries'), value, owner),
      },
    );
    return new Collection(this.#plan, node);
  }
}
