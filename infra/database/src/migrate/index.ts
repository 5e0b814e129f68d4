export { migrate } from './migrate.ts';
export type { MigrateResult } from './migrate.ts';
export { checksumOf, readMigrations } from './migration-files.ts';
export type { Migration } from './migration-files.ts';
