import type pg from 'pg';
import { connect } from '@millrace/database/connection';
import { PlatformError } from '@millrace/kernel/errors';
import { lsnFromPostgres } from '@millrace/kernel/position';
import type { Lsn } from '@millrace/kernel/position';
import { firstOnly } from '@millrace/schemas/generations';
import { POSITION_NOW_QUERY, positionNow } from '@millrace/schemas/source';
import type { PositionNowRow } from '@millrace/schemas/source';
import { viewNames } from '@millrace/schemas/stores';
import type { ViewName } from '@millrace/schemas/stores';

/** The row of a view in `view_generations`; one that is absent reads as the first generation alone. */
export interface GenerationRow {
  readonly view: ViewName;
  readonly active: number;
  readonly building: number | null;
  readonly previous: number | null;
  readonly rate: number | null;
  /** The highest number given so far. */
  readonly last: number;
  /** The log whose entries each generation holds. */
  readonly activeLog: number;
  readonly buildingLog: number | null;
  readonly previousLog: number | null;
  /** What the re-snapshots of a rebuild from the source are known by; null while none is under way. */
  readonly sourceReading: string | null;
}

export interface Begin {
  /** Entries a second, null for no limit. */
  readonly rate: number | null;
  /**
   * Number of a log that was created for the generation, to be made from the active logs of the other views; the generation gets the same number.
   * Null: it is filled from the active log.
   */
  readonly log: number | null;
  /** `sourceReading` of the row, where the tables were read again for it; else null. */
  readonly reading: string | null;
}

/**
 * What an operator may do to a view's generations. Each is one transaction, which also writes the audit log; whoever comes second is refused
 * with `conflict`, so two operators cannot switch over each other.
 */
export interface GenerationRows {
  read(view: ViewName): Promise<GenerationRow>;
  all(): Promise<readonly GenerationRow[]>;
  /**
   * Notes down that the tables of the view are read again for its next generation; answers what the re-snapshots are known by. Also goes on with a
   * reading that is under way.
   */
  beginReading(view: ViewName): Promise<string>;
  /** Names the next generation to be filled; without a new log also goes on with one that is being filled. */
  begin(view: ViewName, begin: Begin): Promise<GenerationRow>;
  /** Readers go from the active generation to the one that was filled; what was active becomes `previous`. Answers a position past the commit. */
  activate(view: ViewName, generation: number): Promise<Lsn>;
  /** Readers go back to `previous`. */
  rollback(view: ViewName): Promise<Lsn>;
  /** Gives up the filling, or the reading of the tables before it. */
  cancel(view: ViewName): Promise<void>;
  /** Gives up what a rollback would need. */
  dropPrevious(view: ViewName): Promise<void>;
  /** A position at or past every commit that has ended by now. `slot` is of the capture whose positions are meant. */
  positionNow(slot: string): Promise<Lsn>;
  close(): Promise<void>;
}

/** Throws `config-invalid` naming the views there are. */
export function viewNamed(name: string | undefined): ViewName {
  const view = viewNames.find((candidate) => candidate === name);
  if (view !== undefined) return view;
  throw new PlatformError('config-invalid', `no view ${name ?? ''}: there are ${viewNames.join(', ')}`);
}

export async function openGenerationRows(databaseUrl: string): Promise<GenerationRows> {
  const client = await connect(databaseUrl);
  const read = async (view: ViewName): Promise<GenerationRow> =>
    (await rowsIn(client)).get(view) ?? { ...firstOnly, view, sourceReading: null };

  /** Changes the row if it is as expected; else says what it is. */
  const change = async (
    action: string,
    view: ViewName,
    refusal: string,
    sql: string,
    values: unknown[],
  ): Promise<Lsn> => {
    await client.query('begin');
    try {
      await client.query('insert into commerce.view_generations (view) values ($1) on conflict do nothing', [view]);
      const changed = await client.query(sql, [view, ...values]);
      if (changed.rowCount !== 1) throw new PlatformError('conflict', refusal);
      await client.query(
        `insert into commerce.audit_log (actor, action, entity_type, entity_id, detail)
         select 'operator', $2, 'view', view, to_jsonb(g) from commerce.view_generations g where view = $1`,
        [view, action],
      );
      await client.query('commit');
    } catch (error) {
      await client.query('rollback');
      throw error;
    }
    const flushed = await client.query<{ lsn: string }>('select pg_current_wal_flush_lsn()::text as lsn');
    return lsnFromPostgres(flushed.rows[0]?.lsn ?? '0/0') - 1n;
  };

  return {
    read,
    all: async () => [...(await rowsIn(client)).values()],
    async beginReading(view) {
      await change(
        'rebuild from source',
        view,
        `another generation of ${view} is being filled: \`millrace views\` shows it`,
        `update commerce.view_generations set source_reading = coalesce(source_reading, gen_random_uuid())
         where view = $1 and building is null`,
        [],
      );
      return (await read(view)).sourceReading ?? '';
    },
    async begin(view, { rate, log, reading }) {
      if (log !== null) {
        await change(
          reading === null ? 'rebuild from cdc' : 'fill from source',
          view,
          `another generation of ${view} is being filled or has number ${log}, or someone else began or cancelled a rebuild from source: \`millrace views\` shows it`,
          `update commerce.view_generations
           set building = $2, building_log = $2, last = $2, rate = $3,
               log_inputs = log_inputs || jsonb_build_object($2::text, (
                 select coalesce(jsonb_object_agg(other.view, other.active_log), '{}')
                 from commerce.view_generations other where other.view <> $1))
           where view = $1 and building is null and last < $2 and source_reading is not distinct from $4::uuid`,
          [log, rate, reading],
        );
        return read(view);
      }
      await change(
        'rebuild',
        view,
        `a rebuild of ${view} from source is under way: go on with \`--from source\`, or give it up with \`--cancel\``,
        `update commerce.view_generations
         set building = coalesce(building, greatest(last, active, previous) + 1),
             last = greatest(last, coalesce(building, greatest(last, active, previous) + 1)), rate = $2,
             building_log = coalesce(building_log, active_log)
         where view = $1 and source_reading is null`,
        [rate],
      );
      return read(view);
    },
    activate: (view, generation) =>
      change(
        'switch',
        view,
        `generation ${generation} of ${view} is not the one being filled any more: \`millrace views\` shows what is`,
        `update commerce.view_generations set previous = active, active = building, building = null, rate = null,
             previous_log = active_log, active_log = building_log, building_log = null, source_reading = null
         where view = $1 and building = $2`,
        [generation],
      ),
    rollback: (view) =>
      change(
        'rollback',
        view,
        `${view} has no previous generation to go back to`,
        `update commerce.view_generations
         set previous = active, active = previous, previous_log = active_log, active_log = previous_log
         where view = $1 and previous is not null`,
        [],
      ),
    async cancel(view) {
      await change(
        'cancel rebuild',
        view,
        `no generation of ${view} is being filled`,
        `update commerce.view_generations set building = null, building_log = null, rate = null, source_reading = null
         where view = $1 and (building is not null or source_reading is not null)`,
        [],
      );
    },
    async dropPrevious(view) {
      await change(
        'drop generation',
        view,
        `${view} has no previous generation to drop`,
        'update commerce.view_generations set previous = null, previous_log = null where view = $1 and previous is not null',
        [],
      );
    },
    positionNow: async (slot) => positionNow((await client.query<PositionNowRow>(POSITION_NOW_QUERY, [slot])).rows[0]),
    close: () => client.end(),
  };
}

async function rowsIn(client: pg.Client): Promise<Map<ViewName, GenerationRow>> {
  const { rows } = await client.query<GenerationRow>(
    `select view, active, building, previous, rate, last,
       active_log as "activeLog", building_log as "buildingLog", previous_log as "previousLog", source_reading as "sourceReading"
     from commerce.view_generations order by view`,
  );
  return new Map(rows.map((row) => [row.view, row]));
}
