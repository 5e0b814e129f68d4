import { envelopeSchema } from '../cdc/index.ts';
import type { Relation } from '../cdc/index.ts';
import { barrierSchema, watermarkSchema } from '../markers/index.ts';
import { viewSchemas } from '../views/schemas.ts';
import { stockEventSchemas } from '../events/derived-events.ts';
import { eventSchemasOf } from '../events/index.ts';
import { capturedTables, eventTopics } from '../topics/index.ts';
import type { NamedSchema } from './check.ts';

/** Every schema this code writes, given the captured tables. */
export function currentSchemas(relations: readonly Relation[]): NamedSchema[] {
  return [
    watermarkSchema,
    barrierSchema,
    ...Object.values(viewSchemas),
    ...eventTopics.flatMap((topic) => eventSchemasOf(topic)).filter(firstOfName),
    ...stockEventSchemas,
    // The outbox is published too, but its rows become events.
    ...relations.filter(isCaptured).map((relation) => envelopeSchema(relation)),
  ] as NamedSchema[];
}

function isCaptured({ table }: Relation): boolean {
  return capturedTables.some((captured) => captured.table === table);
}

/** Every topic has the generic schema. */
function firstOfName(schema: Record<string, unknown>, index: number, all: readonly Record<string, unknown>[]): boolean {
  return all.findIndex(({ name }) => name === schema['name']) === index;
}
