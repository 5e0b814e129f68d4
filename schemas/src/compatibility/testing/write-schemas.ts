/**
 * `npm run schemas:write`: adds a golden version of every schema that changed. The captured tables are read from a migrated test database,
 * so the test engines have to run (`npm run test:engines`).
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fullName, incompatibility } from '../check.ts';
import { currentSchemas } from '../current.ts';
import { goldenVersions, relationsFile, sameSchema, writeGolden } from '../goldens.ts';
import { migratedRelations } from './migrated-relations.ts';

const relations = await migratedRelations();
const schemas = currentSchemas(relations);
const breaking = schemas.flatMap((schema) =>
  goldenVersions(fullName(schema)).flatMap((older, index) => {
    if (sameSchema(schema, older)) return [];
    const reason = incompatibility(schema, older);
    return reason === null ? [] : [`${fullName(schema)} cannot read its version ${index + 1}: ${reason}`];
  }),
);
if (breaking.length > 0) {
  process.stderr.write(
    `Nothing written. Give new fields a default and keep old types readable:\n${breaking.join('\n')}\n`,
  );
  process.exit(1);
}
mkdirSync(dirname(relationsFile), { recursive: true });
writeFileSync(relationsFile, `${JSON.stringify(relations, null, 1)}\n`);
for (const schema of schemas) {
  const version = writeGolden(schema);
  if (version !== null) process.stdout.write(`${fullName(schema)} version ${version}\n`);
}
