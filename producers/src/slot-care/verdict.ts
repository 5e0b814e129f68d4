import { lsnToPostgres } from '@millrace/kernel/position';
import type { Lsn } from '@millrace/kernel/position';
import type { SlotState } from '../replication/slot.ts';
import type { SourceSystem } from '../replication/source-system.ts';
import type { SlotMemory } from './memory.ts';

/** What is known when a producer starts, of the source, its slot and the log. LSNs carry the epoch they were made under, except the slot's. */
export interface SlotFacts {
  readonly slotName: string;
  readonly slot: SlotState | null;
  readonly system: SourceSystem;
  /** What this log's producers noted of the source they copied; null for a log without a note. */
  readonly remembered: SlotMemory | null;
  /** Every partition of the log holds a watermark: some snapshot was completed once. */
  readonly complete: boolean;
  /** The highest position in the log; 0 where it is empty. */
  readonly highest: Lsn;
  /** The highest watermark in the log; 0 where it has none. */
  readonly highestWatermark: Lsn;
  /** How far the source's WAL is written, under `epoch`. */
  readonly flushed: Lsn;
  /** The epoch in use: the setting, or a higher one that an earlier heal chose. */
  readonly epoch: number;
}

/** Why the slot's stream does not go on where the log ends. */
export type HealCause =
  | 'slot-lost'
  | 'slot-invalidated'
  | 'slot-recreated'
  | 'another-cluster'
  | 'timeline-diverged'
  | 'history-replaced'
  | 'epoch-raised';

export type SlotVerdict =
  /** The stream goes on exactly where the log ends. */
  | { readonly kind: 'stream' }
  /** No snapshot was completed: the first one, or one again. */
  | { readonly kind: 'snapshot'; readonly epoch: number }
  /** Changes may be missing from the log: only a new snapshot, told to readers as a truncate and all rows, makes it right again. */
  | { readonly kind: 'heal'; readonly cause: HealCause; readonly what: string; readonly epoch: number };

/**
 * Whether the slot's stream goes on where the log ends. It relies on two facts of the capture: nothing is acknowledged beyond the highest
 * watermark in the log (so a slot that has confirmed more is not the one we read), and a snapshot is noted before its first row.
 */
export function judgeSlot(facts: SlotFacts): SlotVerdict {
  const { slot, system, remembered, complete, highest, epoch } = facts;
  const fresh = highestEpoch(facts);
  if (highest === 0n) return { kind: 'snapshot', epoch };
  if (!complete || remembered?.snapshot === 'running') return { kind: 'snapshot', epoch: fresh };

  const heal = (cause: HealCause, what: string): SlotVerdict => ({ kind: 'heal', cause, what, epoch: fresh });
  if (remembered !== null && remembered.systemId !== system.systemId) {
    return heal(
      'another-cluster',
      `the log was copied from cluster ${remembered.systemId}, this is ${system.systemId}`,
    );
  }
  const parted = remembered === null ? null : partedAt(system, remembered.timeline);
  if (parted !== null && bare(highest) >= parted) {
    return heal(
      'timeline-diverged',
      `the log holds position ${lsnToPostgres(highest)}, but this timeline (${system.timeline}) left the log's ` +
        `(${remembered?.timeline ?? 0}) at ${lsnToPostgres(parted)}`,
    );
  }
  if (highest >> 56n < BigInt(epoch)) return heal('epoch-raised', `SOURCE_EPOCH was raised to ${epoch}`);
  if (highest > facts.flushed) {
    return heal(
      'history-replaced',
      `the log holds position ${lsnToPostgres(highest)} while the database is at ${lsnToPostgres(facts.flushed)}`,
    );
  }
  if (slot === null) return heal('slot-lost', `replication slot ${facts.slotName} does not exist`);
  if (slot.invalidated !== null) {
    return heal('slot-invalidated', `Postgres invalidated replication slot ${facts.slotName} (${slot.invalidated})`);
  }
  if (slot.confirmedFlush - 1n > bare(facts.highestWatermark)) {
    return heal(
      'slot-recreated',
      `replication slot ${facts.slotName} begins at ${lsnToPostgres(slot.confirmedFlush)}, after the end of the log at ` +
        `${lsnToPostgres(facts.highestWatermark)}: it was made anew or advanced by someone else`,
    );
  }
  return { kind: 'stream' };
}

/** Positions only grow: where the source is behind the log, what it says from now on needs an epoch above the log's. */
function highestEpoch({ highest, flushed, epoch }: SlotFacts): number {
  return flushed >= highest ? epoch : Number(highest >> 56n) + 1;
}

/**
 * Where this server's history left timeline `from`; null where it is still on it. A timeline that is none of its ancestors has nothing in
 * common with it: 0.
 */
function partedAt({ timeline, ancestors }: SourceSystem, from: number): Lsn | null {
  if (timeline === from) return null;
  return ancestors.find((ancestor) => ancestor.timeline === from)?.leftAt ?? 0n;
}

function bare(lsn: Lsn): Lsn {
  return lsn & ((1n << 56n) - 1n);
}
