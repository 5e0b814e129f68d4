import { readFile, stat } from 'node:fs/promises';
import { PlatformError, asPlatformError } from '@millrace/kernel/errors';
import type { Logger } from '@millrace/kernel/telemetry';
import { parseSynonyms } from './synonyms.ts';
import type { Synonyms } from './synonyms.ts';

/** Other wordings of a search's text; none where there are no synonyms. */
export interface SynonymSource {
  alternatives(text: string): Promise<readonly string[]>;
}

export const noSynonyms: SynonymSource = { alternatives: () => Promise.resolve([]) };

/** A changed file counts after this long at the latest. */
const LOOK_EVERY_MS = 1_000;

interface Options {
  readonly path: string;
  readonly logger: Logger;
  readonly now?: () => number;
}

/**
 * A file of synonyms, read again when it has changed. While it is gone or has a wrong line, the last good state counts and the log says what is wrong.
 */
export class SynonymFile implements SynonymSource {
  readonly #options: Options;
  readonly #now: () => number;
  #synonyms: Synonyms;
  #version: string;
  #lookedMs: number;
  #looking: Promise<void> | null = null;

  private constructor(options: Options, synonyms: Synonyms, version: string) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#synonyms = synonyms;
    this.#version = version;
    this.#lookedMs = this.#now();
  }

  /** @throws PlatformError `config-invalid` where the file can't be read or has a wrong line. */
  static async open(options: Options): Promise<SynonymFile> {
    const version = await versionOf(options.path);
    return new SynonymFile(options, await read(options.path), version);
  }

  async alternatives(text: string): Promise<readonly string[]> {
    if (this.#now() - this.#lookedMs >= LOOK_EVERY_MS) {
      this.#looking ??= this.#look().finally(() => (this.#looking = null));
    }
    await this.#looking;
    return this.#synonyms.alternatives(text);
  }

  async #look(): Promise<void> {
    const { path, logger } = this.#options;
    this.#lookedMs = this.#now();
    try {
      const version = await versionOf(path);
      if (version === this.#version) return;
      // A wrong file is told once, not at every look.
      this.#version = version;
      this.#synonyms = await read(path);
      logger.info({ path }, 'synonyms were read again');
    } catch (error) {
      logger.error({ err: asPlatformError(error), path }, 'synonyms stay as they were');
    }
  }
}

async function versionOf(path: string): Promise<string> {
  return attempt(path, async () => {
    const { mtimeMs, size, ino } = await stat(path);
    return `${mtimeMs}/${size}/${ino}`;
  });
}

async function read(path: string): Promise<Synonyms> {
  return attempt(path, async () => parseSynonyms(await readFile(path, 'utf8')));
}

async function attempt<T>(path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new PlatformError('config-invalid', `SEARCH_SYNONYMS_FILE ${path}: ${reason}`, { cause: error });
  }
}
