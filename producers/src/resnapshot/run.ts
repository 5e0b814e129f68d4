import { PlatformError } from '@millrace/kernel/errors';
import type { Lsn } from '@millrace/kernel/position';
import { sleep } from '@millrace/kernel/retry';
import { TextRow, textRow } from '@millrace/schemas/cdc';
import type { Relation } from '@millrace/schemas/cdc';
import { partitionOf } from '@millrace/schemas/partition';
import type pg from 'pg';
import type { Publisher } from '../capture/publisher.ts';
import type { SourceTable } from '../capture/source-tables.ts';
import { ChangeWindow } from './change-window.ts';
import { Ghosts } from './ghosts.ts';
import type { KeyValues } from './ghosts.ts';
import { readKeys } from './log-keys.ts';
import type { Marks } from './marks.ts';
import { Pace, lowerLimit } from './pace.ts';
import { aggregatesOf, canonicalIds, scopeOf, tableName } from './plan.ts';
import type { ResnapshotsOptions } from './resnapshots.ts';
import { settled } from './settle.ts';
import type { Entry, Progress, ResnapshotStore } from './store.ts';
import { TableReader } from './table-reader.ts';
import type { TableScope } from './table-reader.ts';

export interface ResnapshotRunOptions extends ResnapshotsOptions {
  readonly store: ResnapshotStore;
  readonly marks: Marks;
  readonly client: pg.Client;
  readonly entry: Entry;
  readonly signal: AbortSignal;
}

const CHUNK_BYTES = 1_048_576;
const DELETES_AT_ONCE = 1_000;
const MOST_SUSPECTS = 20_000;
const SAVE_EVERY_MS = 250;
const LOOK_MS = 2;

/** One re-snapshot from where it stands to its end. Used once. */
export class ResnapshotRun {
  readonly #options: ResnapshotRunOptions;
  readonly #reader: TableReader;
  readonly #tables: readonly SourceTable[];
  readonly #window: ChangeWindow;
  readonly #pace: Pace;
  /** Rows of a chunk; never more than a second's. */
  readonly #chunkRows: number;
  #progress: Progress;
  /** Published, and not yet known to be in the log. */
  readonly #unsaved: { readonly lsn: Lsn; readonly progress: Progress }[] = [];
  #savedMs = performance.now();
  #waitsFor: string | null = null;
  #estimatedRows: number | null = null;
  #unreadable = 0;
  /** Of some suspects it was not known whether the stream had told of them. */
  #lostSight = false;

  /** Throws `table-not-capturable` where a table of it is not captured any more. */
  constructor(options: ResnapshotRunOptions) {
    this.#options = options;
    const { entry, client, publication } = options;
    this.#reader = new TableReader(client, publication, options.signal);
    this.#progress = entry;
    const rowsPerSecond = lowerLimit(options.rowsPerSecond, entry.request.rowsPerSecond ?? 0);
    this.#pace = new Pace(rowsPerSecond);
    this.#chunkRows = lowerLimit(options.chunkRows, rowsPerSecond);
    this.#tables = entry.tables.map((name) => {
      const found = options.tables().find(({ relation }) => tableName(relation) === name);
      if (found === undefined) throw new PlatformError('table-not-capturable', `${name} is not captured any more`);
      return found;
    });
    this.#window = new ChangeWindow(this.#tables.map(({ relation }) => relation));
  }

  get progress(): Progress {
    const { phase, tablesDone, lastKey, rows, deleted } = this.#progress;
    return { phase, tablesDone, lastKey, rows, deleted };
  }

  /** What it waits for; null while it goes on. */
  get waitsFor(): string | null {
    return this.#waitsFor ?? (this.#pace.isHeld ? 'rests: it was asked to, by whoever watches what readers see' : null);
  }

  /** Rests for so long from now on. What is being published is published first. */
  hold(forMs: number): void {
    this.#pace.hold(forMs);
  }

  get etaSeconds(): number | null {
    if (this.#estimatedRows === null || this.#progress.phase === 'deletes') return null;
    return this.#pace.secondsFor(Math.max(0, this.#estimatedRows - this.#progress.rows));
  }

  async run(): Promise<{ rows: number; deleted: number; remark: string | null }> {
    const { publisher, sql, signal } = this.#options;
    publisher.observe(this.#window);
    try {
      await this.#estimate();
      // The stream is current, or it would have to be remembered for as long as it is behind.
      await this.#publishAtMark(() => undefined);
      await settled(sql, this.#window, (running) => this.#waitFor(running), signal);
      if (this.#progress.phase === 'rows') await this.#rows();
      while (this.#options.entry.request.deletes && !(await this.#deletes()));
      await this.#allSaved();
      const { rows, deleted } = this.#progress;
      const remark =
        this.#unreadable === 0
          ? null
          : `${this.#unreadable} keys in the log could not be told apart and were left alone`;
      return { rows, deleted, remark };
    } finally {
      publisher.observe(null);
    }
  }

  async #rows(): Promise<void> {
    for (const [index, table] of this.#tables.entries()) {
      if (index < this.#progress.tablesDone) continue;
      const scope = scopeOf(this.#options.entry.request, table);
      for (let isLast = false; !isLast;) isLast = await this.#chunk(scope, index);
    }
    this.#progress = { ...this.#progress, phase: 'deletes', tablesDone: 0, lastKey: null };
  }

  /** Reads one chunk and publishes what is still the newest of it. Answers whether it was the table's last. */
  async #chunk(scope: TableScope, index: number): Promise<boolean> {
    const { routes, signal } = this.#options;
    const limits = { rows: this.#chunkRows, bytes: CHUNK_BYTES };
    const { visibility, relation, rows, lastKey, isLast } = await this.#reader.chunk(
      scope,
      this.#progress.lastKey,
      limits,
    );
    const route = await routes.route(relation);
    const at = { published: 0, isBlind: false };
    const lsn = await this.#publishAtMark((publisher) => {
      at.isBlind = this.#window.isBlind(relation, visibility);
      for (const row of at.isBlind ? [] : rows) {
        if (!this.#window.permits(relation, route.key(row), visibility)) continue;
        publisher.snapshotRow(route, row);
        at.published++;
      }
      this.#window.forget(visibility);
    });
    if (at.isBlind) return false;
    this.#progress = {
      ...this.#progress,
      tablesDone: isLast ? index + 1 : index,
      lastKey: isLast ? null : (lastKey ?? this.#progress.lastKey),
      rows: this.#progress.rows + at.published,
    };
    await this.#published(lsn);
    await this.#pace.took(rows.length, signal);
    return isLast;
  }

  /**
   * One pass over the log's partitions for all tables together, since they share their topic. A key of which the stream tells after the pass has
   * begun is left to the stream: its delete may be in the log behind what the pass reads. Answers false where those keys were too many to be
   * remembered, or a table was emptied: another pass is needed.
   */
  async #deletes(): Promise<boolean> {
    const { log, sql, topicPrefix, signal, entry } = this.#options;
    const topic = this.#tables[0]?.captured.topic;
    if (topic === undefined) return true;
    this.#window.noteTouched();
    await this.#inLog(await this.#publishAtMark(() => undefined));
    this.#unreadable = 0;
    this.#lostSight = false;
    const ghosts = new Map<string, { readonly scope: TableScope; readonly ghosts: Ghosts }>();
    const partitions = new Set<number>();
    const count = this.#options.routes.partitionCount(topic);
    for (const table of this.#tables) {
      const scope = scopeOf(entry.request, table);
      const ids = scope.among === null ? null : await canonicalIds(sql, scope, scope.among);
      for (const id of ids ?? []) partitions.add(partitionOf(id, count));
      ghosts.set(scope.table, { scope, ghosts: new Ghosts(scope, ids, (keys) => this.#absent(scope, keys)) });
    }
    if (aggregatesOf(entry.request) === null) for (let at = 0; at < count; at++) partitions.add(at);
    const wanted = [...partitions].map((partition) => ({ topic: topicPrefix + topic, partition }));
    for await (const facts of readKeys(log, wanted, [...ghosts.keys()], signal)) {
      for (const fact of facts) {
        const table = ghosts.get(fact.table);
        if (table === undefined) continue;
        await table.ghosts.take(fact);
        if (table.ghosts.size >= MOST_SUSPECTS) await this.#deleteAll(table.scope, table.ghosts);
      }
    }
    for (const table of ghosts.values()) {
      await this.#deleteAll(table.scope, table.ghosts);
      this.#unreadable += table.ghosts.unreadable;
    }
    return !this.#lostSight;
  }

  async #absent(scope: TableScope, keys: readonly KeyValues[]): Promise<readonly number[]> {
    const { absent } = await this.#reader.absent(scope, keys);
    await this.#reader.release();
    return absent;
  }

  async #deleteAll(scope: TableScope, ghosts: Ghosts): Promise<void> {
    const keys = await ghosts.found();
    for (let at = 0; at < keys.length; at += DELETES_AT_ONCE) {
      await this.#delete(scope, keys.slice(at, at + DELETES_AT_ONCE));
    }
  }

  /** Asks once more, under the same rule as a chunk: what is absent is a row too. */
  async #delete(scope: TableScope, suspects: readonly KeyValues[]): Promise<void> {
    const { routes, signal } = this.#options;
    await this.#pace.free(signal);
    const { visibility, relation, absent } = await this.#reader.absent(scope, suspects);
    const route = await routes.route(relation);
    const at = { deleted: 0, isBlind: false };
    const lsn = await this.#publishAtMark((publisher) => {
      at.isBlind = this.#window.isBlind(relation, visibility);
      for (const index of at.isBlind ? [] : absent) {
        const row = keyRow(relation, scope.primaryKey, suspects[index] ?? []);
        const key = route.key(row);
        const isTouched = this.#window.isTouched(relation, key);
        this.#lostSight ||= isTouched === null;
        if (isTouched !== false || !this.#window.permits(relation, key, visibility)) continue;
        publisher.delete(route, row);
        at.deleted++;
      }
      this.#window.forget(visibility);
    });
    if (at.isBlind) return this.#delete(scope, suspects);
    this.#progress = { ...this.#progress, deleted: this.#progress.deleted + at.deleted };
    await this.#published(lsn);
  }

  /** The table stays locked against changes of its shape until the mark is committed. */
  async #publishAtMark(publish: (publisher: Publisher) => void): Promise<Lsn> {
    const { marks, store, signal } = this.#options;
    signal.throwIfAborted();
    const { token, arrived } = marks.expect(publish);
    try {
      await store.mark(token);
    } finally {
      await this.#reader.release();
    }
    return abortable(arrived, signal);
  }

  async #published(lsn: Lsn): Promise<void> {
    this.#unsaved.push({ lsn, progress: this.progress });
    if (performance.now() - this.#savedMs >= SAVE_EVERY_MS) await this.#save();
  }

  /** Notes down the newest progress that the log holds. */
  async #save(): Promise<void> {
    const { acknowledged, store, entry } = this.#options;
    const held = this.#unsaved.filter(({ lsn }) => lsn < acknowledged());
    const newest = held.at(-1);
    this.#savedMs = performance.now();
    if (newest === undefined) return;
    this.#unsaved.splice(0, held.length);
    await store.save(entry.id, newest.progress);
  }

  /** Resolves when the log holds everything up to there. */
  async #inLog(lsn: Lsn): Promise<void> {
    while (this.#options.acknowledged() <= lsn) await sleep(LOOK_MS, this.#options.signal);
  }

  async #allSaved(): Promise<void> {
    const { signal } = this.#options;
    for (;;) {
      await this.#save();
      if (this.#unsaved.length === 0) return;
      await sleep(LOOK_MS, signal);
    }
  }

  #waitFor(running: readonly string[]): void {
    const listed = running.slice(0, 5).join(', ');
    this.#waitsFor =
      running.length === 0
        ? null
        : `waits for ${running.length} transactions that may be committing (${listed}): see pg_stat_activity.backend_xid, pg_prepared_xacts`;
  }

  async #estimate(): Promise<void> {
    const { request } = this.#options.entry;
    if (aggregatesOf(request) !== null || (request.from ?? request.to) !== undefined) return;
    const { rows } = await this.#options.sql.query<{ rows: number }>(
      `select sum(greatest(c.reltuples, 0))::float8 as rows from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname || '.' || c.relname = any ($1)`,
      [this.#options.entry.tables],
    );
    this.#estimatedRows = rows[0]?.rows ?? null;
  }
}

/** A row of which only the key is known, as a delete shows it. */
function keyRow(relation: Relation, primaryKey: readonly string[], values: KeyValues): TextRow {
  return textRow(
    relation.columns.map(({ name }) => {
      const at = primaryKey.indexOf(name);
      return at < 0 ? null : (values[at] ?? null);
    }),
  );
}

function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
