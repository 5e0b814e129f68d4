/**
 * What was acquired, released in reverse order. Every releaser runs even if another fails; failures are thrown together at the end.
 *
 * With `limitMs`, one that takes longer is left behind and is a failure: for what is about to end as a process, which must not stay because of
 * something that no longer answers.
 */
export class Releasers {
  readonly #stack: { name: string; release: () => Promise<void> | void }[] = [];

  push(name: string, release: () => Promise<void> | void): void {
    this.#stack.push({ name, release });
  }

  async release(limitMs?: number): Promise<void> {
    const failures: Error[] = [];
    for (let entry = this.#stack.pop(); entry !== undefined; entry = this.#stack.pop()) {
      try {
        await within(limitMs, Promise.resolve(entry.release()));
      } catch (error) {
        failures.push(new Error(`releasing ${entry.name} failed`, { cause: error }));
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, failures.map((failure) => failure.message).join('; '));
  }
}

async function within(limitMs: number | undefined, released: Promise<void>): Promise<void> {
  if (limitMs === undefined) return released;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${limitMs} ms`)), limitMs);
  });
  // What comes after the limit is nobody's any more.
  released.catch(() => undefined);
  try {
    await Promise.race([released, late]);
  } finally {
    clearTimeout(timer);
  }
}
