/** So many are followed up: what is wrong beyond them is only counted, so that memory stays bounded where a store lost everything. */
const MOST = 50_000;

/** Documents of one store that one pass could not call right. */
export class Suspects {
  /** Documents that were seen to be right. */
  checked = 0;
  /** Documents beyond those that are followed up. */
  uncounted = 0;
  readonly #differing = new Set<string>();
  readonly #moved = new Map<string, string>();
  readonly #stale = new Set<string>();
  readonly #most: number;

  constructor(most = MOST) {
    this.#most = most;
  }

  /** Digests differ, or one side alone has it. */
  get differing(): ReadonlySet<string> {
    return this.#differing;
  }

  /** Held at a later position than the pin's, by id. */
  get moved(): ReadonlyMap<string, string> {
    return this.#moved;
  }

  /** Held at an earlier position than another store's. */
  get stale(): ReadonlySet<string> {
    return this.#stale;
  }

  addDiffering(id: string): void {
    if (this.#isFull()) this.uncounted++;
    else this.#differing.add(id);
  }

  addMoved(id: string, position: string): void {
    if (this.#isFull()) this.uncounted++;
    else this.#moved.set(id, position);
  }

  addStale(id: string): void {
    if (!this.#isFull()) this.#stale.add(id);
  }

  #isFull(): boolean {
    return this.#differing.size + this.#moved.size + this.#stale.size >= this.#most;
  }
}
