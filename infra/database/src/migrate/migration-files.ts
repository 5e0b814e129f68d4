import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';

/** One migration: an SQL file, run once and whole, in the order of its name. */
export interface Migration {
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the file, hex. */
  readonly checksum: string;
}

/** The same from src/migrate and from dist/migrate: both lie two folders below the package. */
const migrationsFolder = new URL('../../migrations/', import.meta.url);

/** All migrations, in the order they run. Names are `<4 digits>_<what>.sql`. */
export async function readMigrations(folder: URL = migrationsFolder): Promise<readonly Migration[]> {
  const names = (await readdir(folder)).filter((name) => /^\d{4}_[a-z0-9_]+\.sql$/.test(name)).sort();
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(new URL(name, folder), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

/** One checksum over all migrations: equal checksums mean equal schemas. Hex. */
export function checksumOf(migrations: readonly Migration[]): string {
  const hash = createHash('sha256');
  for (const migration of migrations) hash.update(`${migration.name} ${migration.checksum}\n`);
  return hash.digest('hex');
}
