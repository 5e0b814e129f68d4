import type { Change, Row } from '@millrace/schemas/cdc';
import type { PlainRecord } from '../plain-consumer.ts';

const CONTENT: Readonly<Record<string, string>> = { customers: 'name', addresses: 'line1' };

/** What came in one partition, as it came. */
export interface ReceivedPartition {
  /** Steps after the snapshot, in the order of their arrival. */
  readonly steps: string[];
  /** The snapshot's rows: key and content; a truncate empties its table. */
  readonly snapshot: Map<string, string>;
}

/** The ledger of a plain consumer: it notes, in the order of arrival, and judges nothing but what no order can excuse. */
export class Received {
  readonly partitions = new Map<string, ReceivedPartition>();
  readonly problems: string[] = [];
  #records = 0;

  get records(): number {
    return this.#records;
  }

  change({ topic, partition, key }: PlainRecord, change: Change): void {
    this.#records++;
    const column = CONTENT[change.table];
    if (column === undefined) return;
    const { steps, snapshot } = this.#partition(`${topic}/${partition}`);
    switch (change.op) {
      case 't':
        if (steps.length > 0)
          this.problems.push(`${topic}/${partition}: ${change.table} is emptied after its stream has begun`);
        for (const known of snapshot.keys()) if (known.startsWith(key)) snapshot.delete(known);
        return;
      case 'r':
        if (steps.length > 0)
          this.problems.push(`${topic}/${partition}: a snapshot row ${key} after the stream has begun`);
        if (snapshot.has(key)) this.problems.push(`${topic}/${partition}: the snapshot has ${key} twice`);
        snapshot.set(key, text(change.after, column));
        return;
      case 'd':
        steps.push(`d ${key}`);
        return;
      case 'c':
      case 'u':
        steps.push(`${change.op} ${key} ${text(change.after, column)}`);
        return;
    }
  }

  event({ topic, partition, key, headers }: PlainRecord, aggregateType: string, version: number): void {
    this.#records++;
    if (headers.get('event-name') !== 'AuditedStep')
      this.problems.push(`${topic}/${partition}: an event without its name`);
    this.#partition(`${topic}/${partition}`).steps.push(`e ${aggregateType}/${key} ${version}`);
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
