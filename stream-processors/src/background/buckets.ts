/** Parts that a sweep cuts a task's keys into: the steps of its progress. */
export const BUCKETS = 1024;

/** The part a key belongs to, as the text of an index. The same on every machine (FNV-1a). */
export function bucketOf(id: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < id.length; at++) hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193);
  return String((hash >>> 0) % BUCKETS);
}
