import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SnapshotBytes, SnapshotDisk, SnapshotDraft } from './disk.ts';

const SUFFIX = '.snapshot';
const DRAFT_SUFFIX = '.draft';

/** Snapshots as files: written beside, made durable (fsync), and renamed. What a kill leaves of a draft is removed by the next one published. */
export class SnapshotFolder implements SnapshotDisk {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async list(task: string): Promise<readonly string[]> {
    const names = await namesIn(this.#path(task));
    return names
      .filter((name) => name.endsWith(SUFFIX))
      .map((name) => name.slice(0, -SUFFIX.length))
      .sort()
      .reverse();
  }

  async open(task: string, name: string): Promise<SnapshotBytes> {
    const file = await open(join(this.#path(task), name + SUFFIX), 'r');
    return {
      read: async (length) => {
        const buffer = Buffer.allocUnsafe(length);
        let filled = 0;
        while (filled < length) {
          const { bytesRead } = await file.read(buffer, filled, length - filled);
          if (bytesRead === 0) break;
          filled += bytesRead;
        }
        return buffer.subarray(0, filled);
      },
      close: () => file.close(),
    };
  }

  async create(task: string): Promise<SnapshotDraft> {
    const folder = this.#path(task);
    await mkdir(folder, { recursive: true });
    const path = join(folder, randomUUID() + DRAFT_SUFFIX);
    const file = await open(path, 'wx', 0o600);
    return {
      write: (bytes) => file.writeFile(bytes),
      publish: async (name, keep) => {
        await file.sync();
        await file.close();
        await rename(path, join(folder, name + SUFFIX));
        await syncFolder(folder);
        const kept = new Set([name, ...(await this.list(task)).filter((other) => other !== name).slice(0, keep)]);
        for (const other of await namesIn(folder)) {
          if (!kept.has(other.slice(0, -SUFFIX.length))) await rm(join(folder, other), { force: true });
        }
      },
      discard: async () => {
        await file.close();
        await rm(path, { force: true });
      },
    };
  }

  /** Topics have no characters that a path minds. */
  #path(task: string): string {
    return join(this.#folder, task.replace('/', '-'));
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
