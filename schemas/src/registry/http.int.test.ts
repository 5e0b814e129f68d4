import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { testEngines } from '@millrace/infra-local/testing';
import { createSchemaRegistry } from './index.ts';

const record = (fields: unknown[]) => ({ type: 'record', name: 'Thing', namespace: 'test', fields });
const topic = () => `t${randomBytes(6).toString('hex')}`;

test('many processes that register the same new subject at once all get the same id', async () => {
  const registries = await Promise.all(
    Array.from({ length: 6 }, () => createSchemaRegistry(testEngines().schemaRegistryUrl)),
  );
  const name = topic();
  const schema = record([{ name: 'a', type: 'string' }]);
  const ids = await Promise.all(registries.map((registry) => registry.register(name, schema)));
  expect(new Set(ids).size).toBe(1);
  expect(await registries[0]!.schema(ids[0]!)).toEqual(schema);
});

test('a schema that breaks readers of what is written already is refused as such', async () => {
  const registry = await createSchemaRegistry(testEngines().schemaRegistryUrl);
  const name = topic();
  await registry.register(name, record([{ name: 'a', type: 'string' }]));
  await expect(
    registry.register(
      name,
      record([
        { name: 'a', type: 'string' },
        { name: 'b', type: 'string' },
      ]),
    ),
  ).rejects.toMatchObject({
    kind: 'schema-incompatible',
  });
});

test('a registry that is not there is said to be unreachable', async () => {
  await expect(createSchemaRegistry('http://127.0.0.1:9')).rejects.toMatchObject({ kind: 'engine-unreachable' });
});
