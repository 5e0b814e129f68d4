import { withConnection } from '@millrace/database/connection';
import { PlainConsumer, plainDecoder } from '../plain-consumer.ts';
import type { ChaosPlace } from '../place.ts';

const READ_MS = 120_000;

/**
 * What someone finds who reads the whole log afterwards, compaction having taken what it could: the rows that the last records leave. Partition
 * by partition, since each says for itself when a table is emptied.
 */
export class LeftInLog {
  readonly #partitions = new Map<number, Map<string, string>>();
  #records = 0;

  private constructor() {
    // Made by `read`.
  }

  static async read(place: ChaosPlace): Promise<LeftInLog> {
    const left = new LeftInLog();
    const decode = plainDecoder(place.registry);
    const consumer = new PlainConsumer(place.log, async ({ partition, key, value }) => {
      left.#records++;
      const rows = left.#rowsOf(partition);
      const change = value === null ? null : await decode(value);
      if (change?.op === 't') for (const known of rows.keys()) if (known.startsWith(key)) rows.delete(known);
      const after = change?.after ?? null;
      if (after === null) rows.delete(key);
      else rows.set(key, String(after['line1'] ?? after['name']));
    });
    const topic = `${place.topicPrefix}cdc.customers`;
    consumer.start((await place.partitions()).filter((partition) => partition.topic === topic));
    await consumer.caughtUp(READ_MS);
    await consumer.stop();
    return left;
  }

  get records(): number {
    return this.#records;
  }

  /** Keys whose row in the log is not the table's. */
  async differences(databaseUrl: string): Promise<string[]> {
    const { rows } = await withConnection(databaseUrl, (client) =>
      client.query<{ key: string; content: string }>(
        `select 'customers/' || customer_id as key, name as content from commerce.customers
         union all select 'addresses/' || customer_id || '/' || address_id, line1 from commerce.addresses`,
      ),
    );
    const table = new Map(rows.map(({ key, content }) => [key, content]));
    const log = new Map([...this.#partitions.values()].flatMap((partition) => [...partition]));
    return [...new Set([...table.keys(), ...log.keys()])]
      .filter((key) => table.get(key) !== log.get(key))
      .map((key) => `${key}: the table has ${table.get(key) ?? 'no row'}, the log ${log.get(key) ?? 'none'}`);
  }

  #rowsOf(partition: number): Map<string, string> {
    const rows = this.#partitions.get(partition) ?? new Map<string, string>();
    this.#partitions.set(partition, rows);
    return rows;
  }
}
