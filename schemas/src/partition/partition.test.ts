import { createRequire } from 'node:module';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { murmur2, partitionOf } from './index.ts';

const kafkajsMurmur2 = createRequire(import.meta.url)('kafkajs/src/producer/partitioners/default/murmur2') as (
  key: Buffer,
) => number;

test('murmur2 is the one of the other clients, for any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      expect(murmur2(bytes) | 0).toBe(kafkajsMurmur2(Buffer.from(bytes)) | 0);
    }),
  );
});

test('a partition is always inside the topic, and the reference topic has one', () => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 1, max: 64 }), (id, partitions) => {
      const partition = partitionOf(id, partitions);
      expect(partition).toBeGreaterThanOrEqual(0);
      expect(partition).toBeLessThan(partitions);
    }),
  );
  expect(partitionOf('anything', 1)).toBe(0);
});
