import { SnapshotTurns } from '../runtime/index.ts';
import type { SnapshotSettings } from '../runtime/index.ts';
import { MemoryDisk } from '../runtime/snapshot/memory-disk.ts';
import type { Chance } from './chance.ts';
import { brokenDisk } from './broken-disk.ts';
import type { SimulatedClient } from './gates.ts';
import type { Broken } from './simulate.ts';

/** The disk of a process: it outlives it. */
export class SimulatedDisk {
  readonly #disk = new MemoryDisk();
  readonly #pick: Chance;
  readonly #broken: Broken | undefined;
  readonly #everyMs: number;
  readonly #partValues: number;

  constructor(pick: Chance, broken?: Broken) {
    this.#pick = pick;
    this.#broken = broken;
    this.#everyMs = pick(20);
    this.#partValues = 1 + pick(8);
  }

  /** For one life of a task. */
  settings(client: SimulatedClient): SnapshotSettings {
    return {
      disk: client.disk(brokenDisk(this.#disk, this.#broken)),
      everyMs: this.#everyMs,
      leastRecords: 1,
      partValues: this.#partValues,
      lastMs: 0,
      turns: new SnapshotTurns(),
    };
  }

  /** One of its files is cut, or has a bit that it had not. */
  damage(): void {
    const all = [...this.#disk.files.values()].flatMap((files) =>
      [...files].map(([name, bytes]) => ({ files, name, bytes })),
    );
    const one = all[this.#pick(Math.max(1, all.length))];
    if (one === undefined) return;
    const at = this.#pick(one.bytes.length);
    const bytes = this.#pick(2) === 0 ? Buffer.from(one.bytes.subarray(0, at)) : Buffer.from(one.bytes);
    if (at < bytes.length) bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << this.#pick(8)), at);
    one.files.set(one.name, bytes);
  }
}
