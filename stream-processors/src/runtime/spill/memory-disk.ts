import type { PlacedText, SpillDisk } from './disk.ts';

/** A disk in memory, for tests and the simulation. */
export class MemorySpillDisk implements SpillDisk {
  readonly #texts = new Map<number, string>();

  write(texts: readonly PlacedText[]): void {
    for (const { place, json } of texts) this.#texts.set(place, json);
  }

  read(place: number): string {
    const json = this.#texts.get(place);
    if (json === undefined) throw new RangeError(`nothing is at ${place}`);
    return json;
  }

  close(): Promise<void> {
    this.#texts.clear();
    return Promise.resolve();
  }
}
