import type { ClientBase } from 'pg';

/** How far a load has come. `detail` is what the load was begun with. */
export interface LoadProgress {
  readonly done: number;
  readonly total: number;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** The load's progress, as it stands after `total` was set to at least this; begun with `detail` where it is new. */
export async function beginLoad(
  client: ClientBase,
  load: string,
  total: number,
  detail: Readonly<Record<string, unknown>>,
): Promise<LoadProgress> {
  const result = await client.query<{ done: string; total: string; detail: Record<string, unknown> }>(
    `insert into commerce.load_progress as p (load, total, detail) values ($1, $2, $3)
     on conflict (load) do update set total = greatest(p.total, excluded.total)
     returning done, total, detail`,
    [load, total, detail],
  );
  const [row] = result.rows;
  if (row === undefined) throw new Error('an upsert returned no row');
  return { done: Number(row.done), total: Number(row.total), detail: row.detail };
}

/** Notes progress: in the transaction that writes the data, so that the two cannot part. */
export async function noteProgress(client: ClientBase, load: string, done: number): Promise<void> {
  await client.query('update commerce.load_progress set done = $2 where load = $1', [load, done]);
}

/**
 * Runs `use` with a connection that holds the lock of this load: programs that load the same thing take turns. Its commits do
 * not wait for the disk: what a crash of the server takes away, progress included, the next call writes again. Throws what ended the connection,
 * where that is why it failed.
 */
export async function withLoadLock<T>(
  pool: { connect(): Promise<ClientBase & { release(destroy?: boolean): void }> },
  load: string,
  use: (client: ClientBase) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  const broken: Error[] = [];
  client.on('error', (error) => broken.push(error));
  try {
    await client.query('select pg_advisory_lock(hashtextextended($1, 0))', [`load ${load}`]);
    await client.query('set synchronous_commit = off');
    return await use(client);
  } catch (error) {
    // Where the connection ended between two queries, the next one only says that it cannot be asked.
    throw broken[0] ?? error;
  } finally {
    // Destroyed, not returned: the lock and the setting end with the connection, and so does an open transaction.
    client.release(true);
  }
}

export async function inTransaction(client: ClientBase, work: () => Promise<void>): Promise<void> {
  await client.query('begin');
  await work();
  await client.query('commit');
}
