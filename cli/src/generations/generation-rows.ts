import pg from 'pg';
import { PlatformError } from '@millrace/kernel/errors';
import { lsnFromPostgres } from '@millrace/kernel/position';
import type { Lsn } from '@millrace/kernel/position';
import { FIRST_GENERATION, viewNames } from '@millrace/schemas/stores';
import type { ViewName } from '@millrace/schemas/stores';

/** The row of a view in `view_generations`; one that is absent reads as the first generation alone. */
export interface GenerationRow {
  readonly view: ViewName;
  readonly active: number;
  readonly building: number | null;
  readonly previous: number | null;
  readonly rate: number | null;
}

/**
 * What an operator may do to a view's generations. Each is one transaction, which also writes the audit log; whoever comes second is refused
 * with `conflict`, so two operators cannot switch over each other.
 */
export interface GenerationRows {
  read(view: ViewName): Promise<GenerationRow>;
  all(): Promise<readonly GenerationRow[]>;
  /** Names the next generation to be filled, or the one that is being filled already. `rate`: entries a second, null for no limit. */
  begin(view: ViewName, rate: number | null): Promise<GenerationRow>;
  /** Readers go from the active generation to the one that was filled; what was active becomes `previous`. Answers a position past the commit. */
  activate(view: ViewName, generation: number): Promise<Lsn>;
  /** Readers go back to `previous`. */
  rollback(view: ViewName): Promise<Lsn>;
  /** Gives up the filling. */
  cancel(view: ViewName): Promise<void>;
  /** Gives up what a rollback would need. */
  dropPrevious(view: ViewName): Promise<void>;
  close(): Promise<void>;
}

/** Throws `config-invalid` naming the views there are. */
export function viewNamed(name: string | undefined): ViewName {
  const view = viewNames.find((candidate) => candidate === name);
  if (view !== undefined) return view;
  throw new PlatformError('config-invalid', `no view ${name ?? ''}: there are ${viewNames.join(', ')}`);
}

export async function openGenerationRows(databaseUrl: string): Promise<GenerationRows> {
  const client = new pg.Client({ connectionString: databaseUrl });
  // A connection that breaks between two statements: the next one meets the error.
  client.on('error', () => undefined);
  await client.connect();
  const read = async (view: ViewName): Promise<GenerationRow> =>
    (await rowsIn(client)).get(view) ?? { view, active: FIRST_GENERATION, building: null, previous: null, rate: null };

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
    async begin(view, rate) {
      await change(
        'rebuild',
        view,
        `the row of ${view} is gone`,
        `update commerce.view_generations
         set building = coalesce(building, greatest(last, active, previous) + 1),
             last = greatest(last, coalesce(building, greatest(last, active, previous) + 1)), rate = $2
         where view = $1`,
        [rate],
      );
      return read(view);
    },
    activate: (view, generation) =>
      change(
        'switch',
        view,
        `generation ${generation} of ${view} is not the one being filled any more: \`millrace views\` shows what is`,
        `update commerce.view_generations set previous = active, active = building, building = null, rate = null
         where view = $1 and building = $2`,
        [generation],
      ),
    rollback: (view) =>
      change(
        'rollback',
        view,
        `${view} has no previous generation to go back to`,
        'update commerce.view_generations set previous = active, active = previous where view = $1 and previous is not null',
        [],
      ),
    async cancel(view) {
      await change(
        'cancel rebuild',
        view,
        `no generation of ${view} is being filled`,
        'update commerce.view_generations set building = null, rate = null where view = $1 and building is not null',
        [],
      );
    },
    async dropPrevious(view) {
      await change(
        'drop generation',
        view,
        `${view} has no previous generation to drop`,
        'update commerce.view_generations set previous = null where view = $1 and previous is not null',
        [],
      );
    },
    close: () => client.end(),
  };
}

async function rowsIn(client: pg.Client): Promise<Map<ViewName, GenerationRow>> {
  const { rows } = await client.query<GenerationRow>(
    'select view, active, building, previous, rate from commerce.view_generations order by view',
  );
  return new Map(rows.map((row) => [row.view, row]));
}
