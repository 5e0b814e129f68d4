/** What one description of a relation led to, and when it came. */
interface Described<T> {
  readonly value: T;
  readonly stamp: number;
}

/**
 * What each relation id means, as Postgres described it last.
 *
 * A transaction that is sent before its end has descriptions of its own: Postgres describes every relation anew in it, and what it said there
 * may be older than what it has said outside since. So they hold inside that transaction alone; when it commits they hold for the session too,
 * except where the session got a newer description meanwhile.
 */
export class DescribedRelations<T> {
  readonly #session = new Map<number, Described<T>>();
  #transaction: Map<number, Described<T>> | null = null;
  #stamp = 0;

  /** The number of a description that arrives now. */
  arrive(): number {
    return ++this.#stamp;
  }

  get(id: number): T | undefined {
    return (this.#transaction ?? this.#session).get(id)?.value;
  }

  set(id: number, value: T, stamp: number): void {
    (this.#transaction ?? this.#session).set(id, { value, stamp });
  }

  /** What follows is a transaction that was sent before its end. */
  enterTransaction(): void {
    this.#transaction = new Map();
  }

  /** That transaction is whole. */
  leaveTransaction(): void {
    const described = this.#transaction ?? new Map<number, Described<T>>();
    this.#transaction = null;
    for (const [id, description] of described) {
      if (description.stamp > (this.#session.get(id)?.stamp ?? -1)) this.#session.set(id, description);
    }
  }
}
