import { lsnFromText, lsnText } from '@millrace/kernel/position';
import type { TaskPosition } from '../state-records.ts';

/** Grows when files of the former number are no longer read. */
export const SNAPSHOT_FORMAT = 1;

/** What a snapshot says of itself, first thing: enough to leave it aside without reading it. */
export interface SnapshotHead {
  readonly format: number;
  /** Of the log, as `LogAdmin.identity` tells it. */
  readonly log: string;
  readonly topic: string;
  readonly partition: number;
  readonly processor: string;
  readonly stateVersion: number;
  /** Each key's newest record below it is in the values, unless a newer one is in the log; the log is read on from here. */
  readonly fromOffset: bigint;
  /** As of `fromOffset`. */
  readonly position: TaskPosition;
  /** As of `fromOffset`: keys that are gone without a tombstone. */
  readonly gone: readonly string[];
  /** Before anything at or after `fromOffset` was written; ms since 1970. */
  readonly takenMs: number;
}

/** Last thing: without it a snapshot is not whole. */
export interface SnapshotEnd {
  /** Values may be newer than `fromOffset`, but every one of them was in the log below this offset. */
  readonly toOffset: bigint;
  readonly values: number;
}

type Json = Readonly<Record<string, unknown>>;

export function headText(head: SnapshotHead): string {
  const { position } = head;
  return JSON.stringify({
    ...head,
    fromOffset: String(head.fromOffset),
    position: {
      ...position,
      lsn: lsnText(position.lsn),
      frontier: lsnText(position.frontier),
      inputs: position.inputs.map((input) => ({ ...input, offset: String(input.offset) })),
    },
  });
}

/** Its checksum has been looked at: it is what `headText` made of a head of this format, or the format says otherwise. */
export function headOf(text: string): SnapshotHead {
  const head = JSON.parse(text) as Json & { position: Json };
  if (head['format'] !== SNAPSHOT_FORMAT) return head as unknown as SnapshotHead;
  const inputs = head.position['inputs'] as readonly (Json & { offset: string })[];
  return {
    ...(head as unknown as SnapshotHead),
    fromOffset: BigInt(head['fromOffset'] as string),
    position: {
      ...(head.position as unknown as TaskPosition),
      lsn: lsnFromText(head.position['lsn'] as string),
      frontier: lsnFromText(head.position['frontier'] as string),
      inputs: inputs.map((input) => ({ ...input, offset: BigInt(input.offset) })) as never,
    },
  };
}

export function endText({ toOffset, values }: SnapshotEnd): string {
  return JSON.stringify({ toOffset: String(toOffset), values });
}

export function endOf(text: string): SnapshotEnd {
  const end = JSON.parse(text) as { toOffset: string; values: number };
  return { toOffset: BigInt(end.toOffset), values: end.values };
}
