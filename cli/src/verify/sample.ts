import { createHash } from 'node:crypto';

/** A part of all documents. Which ones it holds depends on seed and id alone, so that both sides, and every store, are asked for the same. */
export interface Sample {
  /** Above 0, at most 1: all of them. */
  readonly fraction: number;
  readonly seed: string;
}

export function isSampled({ fraction, seed }: Sample, id: string): boolean {
  if (fraction >= 1) return true;
  return createHash('sha1').update(`${seed}/${id}`).digest().readUInt32BE(0) < fraction * 2 ** 32;
}

/** The sampled ids of the pages, in their order, in full pages again. */
export async function* sampledPages(
  pages: AsyncIterable<readonly string[]>,
  sample: Sample | undefined,
  pageSize: number,
): AsyncGenerator<readonly string[]> {
  let open: string[] = [];
  for await (const page of pages) {
    for (const id of page) {
      if (sample !== undefined && !isSampled(sample, id)) continue;
      open.push(id);
      if (open.length < pageSize) continue;
      yield open;
      open = [];
    }
  }
  if (open.length > 0) yield open;
}
