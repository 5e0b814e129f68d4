import type { PlacedText, SpillDisk } from './disk.ts';
import type { StateMemory } from './memory.ts';

/** What is known of where a value is. */
export interface Spillable {
  /** Of its JSON, as counted in the memory; 0: not in memory, or not yet of a result. */
  bytes: number;
  /** Where the disk has the value as it is now; 0: nowhere. */
  place: number;
}

/** How the tasks of a process use memory and disk. */
export interface SpillSettings {
  readonly memory: StateMemory;
  /** Opened when a task first needs it. */
  open(): SpillDisk;
}

/**
 * One task's share of the memory, and its values on the disk. Every key stays in memory with where its value is, as in Bitcask (Sheehy and Smith,
 * 2010): what is there, how much there is and in what order it is walked does not depend on the memory.
 */
export class Spill {
  readonly #settings: SpillSettings;
  readonly #free: number[] = [];
  #disk: SpillDisk | null = null;
  #places = 0;
  #heldBytes = 0;

  constructor(settings: SpillSettings) {
    this.#settings = settings;
  }

  /** Values on the disk as they are now, in memory too or not. */
  get values(): number {
    return this.#places - this.#free.length;
  }

  /** Bytes of JSON that this task must let go of; 0: there is room, or it holds nothing. */
  get overBytes(): number {
    return Math.min(this.#settings.memory.overBytes, this.#heldBytes);
  }

  /** A value of so many bytes of JSON is in memory; 0: none. */
  weigh(value: Spillable, bytes: number): void {
    const more = bytes - value.bytes;
    value.bytes = bytes;
    this.#heldBytes += more;
    this.#settings.memory.take(more);
  }

  /** The value is another one now, or gone. */
  forget(value: Spillable): void {
    if (value.place === 0) return;
    this.#free.push(value.place);
    value.place = 0;
  }

  /** Values leave the memory; those that the disk has as they are now are not written again. */
  putAside<V extends Spillable>(values: readonly V[], jsonOf: (value: V) => string): void {
    const texts: PlacedText[] = [];
    for (const value of values) {
      if (value.place > 0) continue;
      value.place = this.#free.pop() ?? ++this.#places;
      texts.push({ place: value.place, json: jsonOf(value) });
    }
    if (texts.length > 0) (this.#disk ??= this.#settings.open()).write(texts);
    for (const value of values) this.weigh(value, 0);
  }

  /** The JSON of a value that is on the disk. */
  read({ place }: Spillable): string {
    if (this.#disk === null) throw new RangeError(`nothing was put aside, so nothing is at ${place}`);
    return this.#disk.read(place);
  }

  async close(): Promise<void> {
    this.#settings.memory.take(-this.#heldBytes);
    this.#heldBytes = 0;
    await this.#disk?.close();
  }
}
