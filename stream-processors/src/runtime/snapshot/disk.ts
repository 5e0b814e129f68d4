/** Where snapshots are kept: local, may be lost or damaged at any time. One folder per task. */
export interface SnapshotDisk {
  /** Names of the task's snapshots, newest first. */
  list(task: string): Promise<readonly string[]>;
  /** Throws where it is gone or cannot be read. */
  open(task: string, name: string): Promise<SnapshotBytes>;
  /** A new one, which nobody sees before it is published. */
  create(task: string): Promise<SnapshotDraft>;
}

export interface SnapshotBytes {
  /** The next bytes; fewer at the end. */
  read(length: number): Promise<Buffer>;
  close(): Promise<void>;
}

export interface SnapshotDraft {
  write(bytes: Buffer): Promise<void>;
  /** It is whole, durable and under this name when it resolves, and not there at all before; all but `keep` others of the task are gone. */
  publish(name: string, keep: number): Promise<void>;
  discard(): Promise<void>;
}
