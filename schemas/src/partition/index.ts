/**
 * The partition of an aggregate: Kafka's default partitioner (murmur2 of the key's bytes, sign dropped, modulo) applied to the AGGREGATE's id,
 * so that foreign producers that key by that id are co-partitioned with ours.
 * Source: org.apache.kafka.common.utils.Utils.murmur2.
 */
export function partitionOf(aggregateId: string | Uint8Array, partitions: number): number {
  if (partitions === 1) return 0;
  const bytes = typeof aggregateId === 'string' ? Buffer.from(aggregateId, 'utf8') : aggregateId;
  return (murmur2(bytes) & 0x7fffffff) % partitions;
}

const M = 0x5bd1e995;

/** 32-bit signed murmur2 with Kafka's seed. */
export function murmur2(data: Uint8Array): number {
  const length = data.length;
  let h = 0x9747b28c ^ length;
  const blocks = length >> 2;
  for (let i = 0; i < blocks; i++) {
    const at = i << 2;
    let k = (data[at] ?? 0) | ((data[at + 1] ?? 0) << 8) | ((data[at + 2] ?? 0) << 16) | ((data[at + 3] ?? 0) << 24);
    k = Math.imul(k, M);
    k ^= k >>> 24;
    h = Math.imul(h, M) ^ Math.imul(k, M);
  }
  const tail = blocks << 2;
  const rest = length & 3;
  if (rest === 3) h ^= (data[tail + 2] ?? 0) << 16;
  if (rest >= 2) h ^= (data[tail + 1] ?? 0) << 8;
  if (rest >= 1) h = Math.imul(h ^ (data[tail] ?? 0), M);
  h ^= h >>> 13;
  h = Math.imul(h, M);
  return h ^ (h >>> 15);
}
