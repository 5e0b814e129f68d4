/** What was acquired, released in reverse order. Every releaser runs even if another fails; failures are thrown together at the end. */
export class Releasers {
  readonly #stack: { name: string; release: () => Promise<void> | void }[] = [];

  push(name: string, release: () => Promise<void> | void): void {
    this.#stack.push({ name, release });
  }

  async release(): Promise<void> {
    const failures: Error[] = [];
    for (let entry = this.#stack.pop(); entry !== undefined; entry = this.#stack.pop()) {
      try {
        await entry.release();
      } catch (error) {
        failures.push(new Error(`releasing ${entry.name} failed`, { cause: error }));
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, failures.map((failure) => failure.message).join('; '));
  }
}
