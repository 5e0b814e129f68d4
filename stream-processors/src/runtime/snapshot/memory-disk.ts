import type { SnapshotDisk } from './disk.ts';

/** A disk in memory, whose files may be looked at and damaged. */
export class MemoryDisk implements SnapshotDisk {
  /** By task, then by name. */
  readonly files = new Map<string, Map<string, Buffer>>();

  list(task: string) {
    return Promise.resolve([...(this.files.get(task)?.keys() ?? [])].sort().reverse());
  }

  open(task: string, name: string) {
    const file = this.files.get(task)?.get(name);
    if (file === undefined) return Promise.reject(new Error('there is no such file'));
    let at = 0;
    return Promise.resolve({
      read: (length: number) => Promise.resolve(Buffer.from(file.subarray(at, (at += length)))),
      close: () => Promise.resolve(),
    });
  }

  create(task: string) {
    const parts: Buffer[] = [];
    return Promise.resolve({
      write: (bytes: Buffer) => {
        parts.push(Buffer.from(bytes));
        return Promise.resolve();
      },
      publish: (name: string, keep: number) => {
        const files = this.files.get(task) ?? new Map<string, Buffer>();
        const others = [...files].sort(([a], [b]) => (a < b ? 1 : -1)).filter(([other]) => other !== name);
        this.files.set(task, new Map([[name, Buffer.concat(parts)], ...others.slice(0, keep)]));
        return Promise.resolve();
      },
      discard: () => Promise.resolve(),
    });
  }
}
