import { readFileSync } from 'node:fs';
import type { Relation } from '../cdc/index.ts';

export { exampleOrder, exampleStock } from './example-entries.ts';

const file = new URL('../../avro/relations.json', import.meta.url);

/** The shop's captured tables as the migrations make them (a golden file that a test compares with a migrated database). */
export function shopRelations(): Relation[] {
  return JSON.parse(readFileSync(file, 'utf8')) as Relation[];
}

/** One of them, by table name. */
export function shopRelation(table: string): Relation {
  const relation = shopRelations().find((candidate) => candidate.table === table);
  if (relation === undefined) throw new Error(`relations.json has no table ${table}`);
  return relation;
}
