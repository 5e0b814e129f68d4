import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fullName, type NamedSchema } from './check.ts';

/** Every version of every schema that was ever in use: `<record's full name>/<version>.json`. Versions are added, never changed. */
export const goldenFolder = fileURLToPath(new URL('../../avro', import.meta.url));
export const relationsFile = join(goldenFolder, 'relations.json');

/** A schema's versions, oldest first; empty where there is none. */
export function goldenVersions(name: string, folder = goldenFolder): unknown[] {
  let files: string[];
  try {
    files = readdirSync(join(folder, name));
  } catch {
    return [];
  }
  return files
    .map((file) => Number(/^(\d+)\.json$/.exec(file)?.[1] ?? NaN))
    .filter((version) => Number.isInteger(version))
    .sort((a, b) => a - b)
    .map((version) => JSON.parse(readFileSync(join(folder, name, `${version}.json`), 'utf8')) as unknown);
}

/** Adds the schema as its newest version unless it is that already. Answers the new version's number, or null. */
export function writeGolden(schema: NamedSchema, folder = goldenFolder): number | null {
  const name = fullName(schema);
  const versions = goldenVersions(name, folder);
  if (sameSchema(versions.at(-1), schema)) return null;
  const file = join(folder, name, `${versions.length + 1}.json`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(schema, null, 2)}\n`);
  return versions.length + 1;
}

export function sameSchema(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
