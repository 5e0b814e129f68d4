import { describe, expect, test } from '@jest/globals';
import { checksumOf, readMigrations } from './migration-files.ts';
import { pendingMigrations } from './plan.ts';

const file = (name: string, checksum = `sum of ${name}`) => ({ name, sql: '', checksum });
const one = file('0001_one.sql');
const two = file('0002_two.sql');
const three = file('0003_three.sql');

describe('which migrations run', () => {
  test('all of them, in order, in an empty database', () => {
    expect(pendingMigrations([one, two], [])).toEqual([one, two]);
  });

  test('those after the last one that ran', () => {
    expect(pendingMigrations([one, two, three], [one, two])).toEqual([three]);
  });

  test('a newer version may have migrated further', () => {
    expect(pendingMigrations([one], [one, two])).toEqual([]);
  });

  test('a file changed after it ran is refused by name', () => {
    expect(() => pendingMigrations([one, two], [file('0001_one.sql', 'another')])).toThrow(/0001_one\.sql/);
  });

  test('a file that would run before one that has run is refused by name', () => {
    expect(() => pendingMigrations([one, two, three], [one, three])).toThrow(
      /0002_two\.sql come before 0003_three\.sql/,
    );
  });
});

describe('the migration files', () => {
  test('are found, numbered without gaps', async () => {
    const migrations = await readMigrations();
    expect(migrations.length).toBeGreaterThan(0);
    expect(migrations.map((migration) => Number(migration.name.slice(0, 4)))).toEqual(
      migrations.map((_, at) => at + 1),
    );
  });

  test('one checksum stands for all of them', () => {
    expect(checksumOf([one, two])).toBe(checksumOf([one, two]));
    expect(checksumOf([one, two])).not.toBe(checksumOf([one, file('0002_two.sql', 'another')]));
  });
});
