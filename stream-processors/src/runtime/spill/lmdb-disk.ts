import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { PlatformError } from '@millrace/kernel/errors';
import { open } from 'lmdb';
import type { RootDatabase } from 'lmdb';
import type { PlacedText, SpillDisk } from './disk.ts';

/**
 * An LMDB file of one open task. Its name is taken away as soon as it is open, so that nothing is left of it however the process ends; and it is
 * not made durable, since nobody reads it after that.
 */
export class LmdbDisk implements SpillDisk {
  readonly #folder: string;
  readonly #file: RootDatabase<string, number>;

  /** @param folder made where it is not there; the file is in a folder of its own in it. */
  constructor(folder: string) {
    this.#folder = folder;
    try {
      mkdirSync(folder, { recursive: true });
      const own = mkdtempSync(join(folder, 'spill-'));
      this.#file = open<string, number>({
        path: join(own, 'values'),
        encoding: 'string',
        keyEncoding: 'uint32',
        cache: false,
        noSync: true,
        noMetaSync: true,
      });
      rmSync(own, { recursive: true });
    } catch (error) {
      throw this.#failed('opened', error);
    }
  }

  write(texts: readonly PlacedText[]): void {
    try {
      this.#file.transactionSync(() => {
        for (const { place, json } of texts) this.#file.putSync(place, json);
      });
    } catch (error) {
      throw this.#failed('written', error);
    }
  }

  read(place: number): string {
    let json: string | undefined;
    try {
      json = this.#file.get(place);
    } catch (error) {
      throw this.#failed('read', error);
    }
    if (json === undefined) throw this.#failed('read', new Error(`nothing is at ${place}`));
    return json;
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  #failed(what: string, cause: unknown): PlatformError {
    const said = `state that memory has no room for cannot be ${what} in ${this.#folder}: give it room, or raise STATE_MEMORY_MB`;
    return new PlatformError('state-disk', said, { cause });
  }
}
