/** Latencies of one path, in ms. Percentiles by nearest rank. */
export class Latencies {
  readonly #values: number[] = [];

  add(ms: number): void {
    this.#values.push(ms);
  }

  get count(): number {
    return this.#values.length;
  }

  /** `NaN` where nothing was measured. */
  percentile(p: number): number {
    const sorted = this.#values.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.ceil((p / 100) * sorted.length) - 1)] ?? Number.NaN;
  }
}

/** Calls `step` at a steady rate on a schedule (not on the last call's end), until `seconds` have passed; waits for all of them. */
export async function paced(perSecond: number, seconds: number, step: (index: number) => Promise<void>): Promise<void> {
  const began = performance.now();
  const total = Math.round(perSecond * seconds);
  const running = new Set<Promise<void>>();
  for (let index = 0; index < total; index++) {
    const due = began + (index * 1000) / perSecond;
    const wait = due - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const work = step(index).finally(() => running.delete(work));
    running.add(work);
  }
  await Promise.all(running);
}
