import { envelopeSchema } from '../cdc/index.ts';
import type { Relation } from '../cdc/index.ts';
import { barrierSchema, watermarkSchema } from '../markers/index.ts';
import { viewSchemas } from '../views/schemas.ts';
import type { NamedSchema } from './check.ts';

/** Every schema this code writes, given the captured tables. */
export function currentSchemas(relations: readonly Relation[]): NamedSchema[] {
  return [
    watermarkSchema,
    barrierSchema,
    ...Object.values(viewSchemas),
    ...relations.map((relation) => envelopeSchema(relation)),
  ] as NamedSchema[];
}
