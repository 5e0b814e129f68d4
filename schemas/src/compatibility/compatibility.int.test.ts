import { expect, test } from '@jest/globals';
import { shopRelations } from '../testing/index.ts';
import { migratedRelations } from './testing/migrated-relations.ts';

test('the golden relations are those of the migrated database (else run `npm run schemas:write`)', async () => {
  expect(await migratedRelations()).toEqual(shopRelations());
});
