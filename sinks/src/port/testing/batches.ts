import type { ViewEntry } from '@millrace/schemas/views';
import { viewHolding } from '@millrace/schemas/stores';
import type { ViewName } from '@millrace/schemas/stores';
import { partitionOf } from '@millrace/schemas/partition';
import { partitionKey } from '../marks.ts';
import type { SinkBatch } from '../sink.ts';

export const PARTITIONS = 2;

function partitionOfEntry({ id }: ViewEntry): number {
  return partitionOf(id.split('/')[0] ?? id, PARTITIONS);
}

/** A history cut into batches of a few entries each, in order, as a runner would hand them over; offsets count entries per partition. */
export function batchesOf(history: readonly ViewEntry[], size = 5): SinkBatch[] {
  const offsets = new Map<string, bigint>();
  const batches: SinkBatch[] = [];
  for (let from = 0; from < history.length; from += size) {
    const groups = new Map<string, { view: ViewName; partition: number; entries: ViewEntry[] }>();
    for (const entry of history.slice(from, from + size)) {
      const group = { view: viewHolding(entry.kind), partition: partitionOfEntry(entry), entries: [] as ViewEntry[] };
      const known = groups.get(partitionKey(group)) ?? group;
      known.entries.push(entry);
      groups.set(partitionKey(group), known);
    }
    for (const [key, group] of groups) {
      const offset = (offsets.get(key) ?? 0n) + BigInt(group.entries.length);
      offsets.set(key, offset);
      const last = group.entries.at(-1);
      const applied = { lsn: last?.lsn ?? 0n, committedAtMs: Math.floor((last?.tsUs ?? 0) / 1000), offset };
      batches.push({ ...group, applied });
    }
  }
  return batches;
}

/** A small generator of numbers in [0, 1) from a seed (mulberry32). */
export function chanceOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Every batch three times, shuffled, and then the oldest third once more. */
export function chaosOf(batches: readonly SinkBatch[], seed: number): SinkBatch[] {
  const chance = chanceOf(seed);
  const list = [...batches, ...batches, ...batches];
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(chance() * (i + 1));
    const [a, b] = [list[i], list[j]];
    if (a !== undefined && b !== undefined) [list[i], list[j]] = [b, a];
  }
  return [...list, ...batches.slice(0, Math.ceil(batches.length / 3)).reverse()];
}

/** Batches grouped into writes: as many at a time as have different partitions, at most `most`. */
export function writesOf(batches: readonly SinkBatch[], most = 4): SinkBatch[][] {
  const writes: SinkBatch[][] = [];
  let current: SinkBatch[] = [];
  for (const batch of batches) {
    if (current.length >= most || current.some((other) => partitionKey(other) === partitionKey(batch))) {
      writes.push(current);
      current = [];
    }
    current.push(batch);
  }
  return current.length > 0 ? [...writes, current] : writes;
}
