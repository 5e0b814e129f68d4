import { PlatformError } from '@millrace/kernel/errors';
import type { Migration } from './migration-files.ts';

export interface AppliedMigration {
  readonly name: string;
  readonly checksum: string;
}

/**
 * Which migrations are still to run, in order. Names that only the database knows are left alone: a newer version of Millrace
 * has migrated it, and its schema must serve this one too while both run.
 * Throws `config-invalid` where a file was changed after it ran, or where a file would have to run before one that has run.
 */
export function pendingMigrations(
  files: readonly Migration[],
  applied: readonly AppliedMigration[],
): readonly Migration[] {
  const checksums = new Map(applied.map((entry) => [entry.name, entry.checksum]));
  const changed = files.filter((file) => checksums.has(file.name) && checksums.get(file.name) !== file.checksum);
  if (changed.length > 0) {
    throw new PlatformError(
      'config-invalid',
      `migrations changed after they ran: ${names(changed)}; restore them and put the change into a new file`,
    );
  }
  const pending = files.filter((file) => !checksums.has(file.name));
  const last = files.findLast((file) => checksums.has(file.name));
  const late = pending.filter((file) => last !== undefined && file.name < last.name);
  if (last !== undefined && late.length > 0) {
    throw new PlatformError(
      'config-invalid',
      `migrations ${names(late)} come before ${last.name}, which has run; give them later numbers`,
    );
  }
  return pending;
}

function names(migrations: readonly Migration[]): string {
  return migrations.map((migration) => migration.name).join(', ');
}
