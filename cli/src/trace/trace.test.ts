import { expect, test } from '@jest/globals';
import { MemoryLog } from '@millrace/kernel/log-memory';
import { lsnText } from '@millrace/kernel/position';
import { encodeChange, envelopeSchema } from '@millrace/schemas/cdc';
import { watermarkRecord, watermarkSchema } from '@millrace/schemas/markers';
import { MemoryRegistry } from '@millrace/schemas/registry';
import { shopRelation } from '@millrace/schemas/testing';
import { topicSpecs } from '@millrace/schemas/topics';
import { createViewCodec } from '@millrace/schemas/views';
import { traceRow } from './trace.ts';

async function traced() {
  const log = new MemoryLog({ topics: topicSpecs('', 1) });
  const registry = new MemoryRegistry();
  const options = { log, registry, topicPrefix: '', partitions: 1, most: 10 };
  const relation = shopRelation('reviews');
  const schemaId = await registry.register('cdc.catalog', envelopeSchema(relation));
  const catalog = { topic: 'cdc.catalog', partition: 0 };
  const movements = { topic: 'views.inventory', partition: 0 };
  const writer = await log.openWriter({
    name: 'test',
    partitions: [catalog, movements],
    barrier: () => ({ key: Buffer.from('_barrier'), value: null }),
  });
  const row = (id: string, lsn: bigint, op: 'c' | 'u') => ({
    key: Buffer.from(`reviews/${id}`),
    value: encodeChange(relation, schemaId, {
      ...{ lsn, ordinal: 0, op, txid: 1, tsUs: 1_000_000, before: null },
      after: Object.fromEntries(relation.columns.map(({ name }) => [name, null])),
    }),
  });
  await writer.append([
    { ...catalog, records: [row('p/r', 10n, 'c'), row('p/other', 11n, 'c'), row('p/r', 20n, 'u')] },
  ]);
  const codec = await createViewCodec(registry, 'views.inventory');
  const watermarkId = await registry.register('views.inventory', watermarkSchema);
  const gone = (id: string, lsn: bigint) => codec.encode({ kind: 'movement', id, lsn, tsUs: 2_000_000, data: null });
  await writer.append([
    {
      ...movements,
      records: [
        ...gone('p', 10n),
        ...gone('q', 15n),
        ...gone('p', 20n),
        watermarkRecord(watermarkId, { lsn: 21n, tsUs: 2_000_000 }),
      ],
    },
  ]);
  return options;
}

test('a row’s records and the newest entries of its aggregate, with their positions', async () => {
  const trace = await traceRow(await traced(), 'reviews', 'p/r');
  expect(trace.records.map(({ what, position }) => [what, position])).toEqual([
    ['c', lsnText(10n)],
    ['u', lsnText(20n)],
  ]);
  const inventory = trace.views.find(({ topic }) => topic === 'views.inventory');
  expect(inventory?.watermark).toBe(lsnText(21n));
  expect(inventory?.entries.map(({ key, what, position }) => [key, what, position])).toEqual([
    ['movement:p', 'deleted', lsnText(20n)],
  ]);
});

test('a table that is not captured is refused with those that are', async () => {
  await expect(traceRow(await traced(), 'reviewz', 'p')).rejects.toThrow('there are products');
});
