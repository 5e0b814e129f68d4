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

test('a subject whose rule a killed process left unmade gets it, and is registered', async () => {
  const url = testEngines().schemaRegistryUrl;
  const name = topic();
  const schema = record([{ name: 'a', type: 'string' }]);
  const path = `${url}/apis/ccompat/v7/subjects/${name}-test.Thing/versions`;
  const headers = { 'content-type': 'application/json' };
  const made = await fetch(path, { method: 'POST', headers, body: JSON.stringify({ schema: JSON.stringify(schema) }) });
  expect(made.ok).toBe(true);
  const registry = await createSchemaRegistry(url);
  expect(await registry.register(name, schema)).toBeGreaterThan(0);
  const rule = (await (await fetch(`${url}/apis/ccompat/v7/config/${name}-test.Thing`)).json()) as {
    compatibilityLevel: string;
  };
  expect(rule.compatibilityLevel).toBe('BACKWARD');
});
