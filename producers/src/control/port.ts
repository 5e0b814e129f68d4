/**
 * What an operator may ask of a running capture, over the health port (`POST /control/<action>`) and `millrace capture …`.
 *
 * Each part is offered by whoever does the work and may be absent: while the capture is starting, waiting for the slot or in its first
 * snapshot there is no stream to pause and nothing to read again. What cannot be done now is refused with `conflict`, saying why.
 */
export interface CaptureControl {
  readonly stream: StreamControl | null;
  readonly resnapshots: ResnapshotControl | null;
  readonly tables: TableControl | null;
  readonly slot: SlotControl | null;
}

/**
 * Holds the stream. While it is held nothing is read and nothing published; status updates go on, so Postgres keeps the connection, and it keeps
 * the WAL too: the slot's retained WAL grows until `resume`. The hold lives in this process alone: a restarted or succeeding
 * producer streams.
 */
export interface StreamControl {
  pause(): void;
  /** Also where it is not paused. */
  resume(): void;
  readonly paused: boolean;
}

/** What to read from the tables again, while the stream goes on. Ids are the text of the aggregate's id, the primary key's first column. */
export interface ResnapshotRequest {
  /** One captured table, `schema.table`. */
  readonly table?: string | undefined;
  /** Several captured tables of one topic. Else every captured table of `topic`. */
  readonly tables?: readonly string[] | undefined;
  /** A `cdc.*` topic without prefix. */
  readonly topic?: string | undefined;
  /** One aggregate alone. */
  readonly aggregate?: string | undefined;
  /** These aggregates alone, in one pass over the log. */
  readonly aggregates?: readonly string[] | undefined;
  /** Aggregates from this id on, it included. */
  readonly from?: string | undefined;
  /** Aggregates up to this id, it included. */
  readonly to?: string | undefined;
  /** Whether rows that the log holds and the table has not are deleted in the log. */
  readonly deletes: boolean;
  /** Most rows a second; the capture's own limit holds besides. */
  readonly rowsPerSecond?: number | undefined;
  /**
   * What it belongs to. Asked again with the same purpose and tables, the one that is noted down is answered, also where it is done by now: who
   * was killed while asking asks once more. One that failed or was cancelled does not count.
   */
  readonly purpose?: string | undefined;
}

export type ResnapshotStateName = 'queued' | 'running' | 'done' | 'failed' | 'cancelled';

/** A re-snapshot as it stands. Kept in the database: it survives a restart and goes on after the last chunk that the log holds. */
export interface ResnapshotState {
  readonly id: string;
  readonly state: ResnapshotStateName;
  readonly request: ResnapshotRequest;
  /** rows: the tables are read. deletes: the log is read for rows that no table has any more. */
  readonly phase: 'rows' | 'deletes';
  /** The table at work; null before the first and after the last. */
  readonly table: string | null;
  readonly tables: number;
  readonly tablesDone: number;
  /** Rows published. */
  readonly rows: number;
  /** Deletes published. */
  readonly deleted: number;
  /** Estimate by the planner's statistics; null where there is none. */
  readonly etaSeconds: number | null;
  /** What it waits for, or why it failed. */
  readonly detail: string | null;
  readonly requestedAt: string;
  readonly updatedAt: string;
}

/** Re-snapshots run one after the other, in the order they were asked for. */
export interface ResnapshotControl {
  /** Resolves when it is noted down, not when it is done. Throws `validation-failed` where no such table or topic is captured. */
  request(request: ResnapshotRequest): Promise<ResnapshotState>;
  /** The newest ones, newest first. */
  list(): Promise<readonly ResnapshotState[]>;
  /** Throws `not-found`. What it has published stays. */
  get(id: string): Promise<ResnapshotState>;
  /** Throws `not-found`; `conflict` where it has ended. What it has published stays. */
  cancel(id: string): Promise<ResnapshotState>;
  /**
   * Rests for so long from now on, ms, if it is at work: whoever watches what readers see asks again while that is late, and where he is killed it goes on
   * by itself. Throws `not-found`.
   */
  hold(id: string, forMs: number): Promise<ResnapshotState>;
}

/** Tables whose changes are held back, because their schema changed in a way that readers can't follow. */
export interface TableControl {
  /** Goes on with a parked table. Throws `not-found` where it is not parked. */
  resumeTable(table: string): Promise<unknown>;
}

/** A slot that no longer belongs to the log. */
export interface SlotControl {
  heal(): Promise<unknown>;
}
