import type { Change, Row } from '@millrace/schemas/cdc';
import type { PlainRecord } from '../plain-consumer.ts';

const CONTENT: Readonly<Record<string, string>> = { customers: 'name', addresses: 'line1' };

/** What came in one partition, as it came. */
export interface ReceivedPartition {
  /**
   * What came after the snapshot, in the order of its arrival: steps as the audit notes them, and rows that were read again,
   * `r <key> <content>`.
   */
  readonly steps: string[];
  /** The snapshot's rows: key and content; a truncate empties its table. */
  readonly snapshot: Map<string, string>;
}

/** Where a partition stands. */
interface Standing {
  lsn: bigint;
  ordinal: number;
  /** The position of all the snapshot's rows; null before the first. */
  snapshotLsn: bigint | null;
}

/** The ledger of a plain consumer: it notes, in the order of arrival, and judges nothing but what no order can excuse. */
export class Received {
  readonly partitions = new Map<string, ReceivedPartition>();
  readonly problems: string[] = [];
  readonly #standings = new Map<string, Standing>();
  #records = 0;
  #readAgain = 0;

  get records(): number {
    return this.#records;
  }

  /** Rows that came again by a re-snapshot. */
  get readAgain(): number {
    return this.#readAgain;
  }

  change({ topic, partition, key }: PlainRecord, change: Change): void {
    this.#records++;
    const name = `${topic}/${partition}`;
    const standing = this.#standing(name, key, change);
    const column = CONTENT[change.table];
    if (column === undefined) return;
    const { steps, snapshot } = this.#partition(name);
    switch (change.op) {
      case 't':
        if (steps.length > 0) this.problems.push(`${name}: ${change.table} is emptied after its stream has begun`);
        for (const known of snapshot.keys()) if (known.startsWith(key)) snapshot.delete(known);
        standing.snapshotLsn = change.lsn;
        return;
      case 'r':
        standing.snapshotLsn ??= change.lsn;
        if (change.lsn !== standing.snapshotLsn) {
          this.#readAgain++;
          steps.push(`r ${key} ${text(change.after, column)}`);
          return;
        }
        if (steps.length > 0) this.problems.push(`${name}: a snapshot row ${key} after the stream has begun`);
        if (snapshot.has(key)) this.problems.push(`${name}: the snapshot has ${key} twice`);
        snapshot.set(key, text(change.after, column));
        return;
      case 'd':
        steps.push(`d ${key}`);
        return;
      case 'c':
      case 'u':
        steps.push(`${change.op} ${key} ${text(change.after, column)}:${Object.keys(change.after ?? {}).length}`);
        return;
    }
  }

  event({ topic, partition, key, headers }: PlainRecord, aggregateType: string, version: number): void {
    this.#records++;
    if (headers.get('event-name') !== 'AuditedStep')
      this.problems.push(`${topic}/${partition}: an event without its name`);
    this.#partition(`${topic}/${partition}`).steps.push(`e ${aggregateType}/${key} ${version}`);
  }

  /** Positions only grow. */
  #standing(name: string, key: string, { lsn, ordinal }: Change): Standing {
    const standing = this.#standings.get(name) ?? { lsn: -1n, ordinal: 0, snapshotLsn: null };
    this.#standings.set(name, standing);
    if (lsn < standing.lsn || (lsn === standing.lsn && ordinal <= standing.ordinal))
      this.problems.push(`${name}: ${key} at ${lsn}/${ordinal} after ${standing.lsn}/${standing.ordinal}`);
    standing.lsn = lsn;
    standing.ordinal = ordinal;
    return standing;
  }

  #partition(name: string): ReceivedPartition {
    const known = this.partitions.get(name);
    if (known !== undefined) return known;
    const made = { steps: [], snapshot: new Map<string, string>() };
    this.partitions.set(name, made);
    return made;
  }
}

function text(row: Row | null, column: string): string {
  const value = row?.[column];
  return typeof value === 'string' ? value : '(none)';
}
