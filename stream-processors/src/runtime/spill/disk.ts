/** A value's JSON and its place on the disk: a number from 1 on, used again when what stood there is not needed any more. */
export interface PlacedText {
  readonly place: number;
  readonly json: string;
}

/**
 * Where one task's values lie that its memory has no room for. It belongs to the open task alone and holds nothing that the log does not hold:
 * gone with the task, never read by another. Throws `state-disk` where it cannot write or read.
 */
export interface SpillDisk {
  write(texts: readonly PlacedText[]): void;
  /** What was last written at a place. */
  read(place: number): string;
  /** What it held is gone. */
  close(): Promise<void>;
}
