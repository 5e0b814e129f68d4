import type { ClientBase, Connection, Submittable } from 'pg';

export type Cell = string | number | boolean | null;

/** What pg's connection has beside its typings: the messages of COPY. */
interface CopyConnection extends Connection {
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

/**
 * Copies rows into a table by COPY, several times as fast as INSERT; triggers and constraints work as ever. `rows` hold the
 * columns' values in the columns' order. The rows of one call are held in memory as one text.
 */
export async function copyRows(
  client: ClientBase,
  table: string,
  columns: readonly string[],
  rows: readonly (readonly Cell[])[],
): Promise<void> {
  if (rows.length === 0) return;
  const data = Buffer.from(rows.map((row) => `${row.map(cellText).join('\t')}\n`).join(''));
  await new Promise<void>((resolve, reject) => {
    client.query(new CopyIn(`copy commerce.${table} (${columns.join(', ')}) from stdin`, data, resolve, reject));
  });
}

function cellText(value: Cell): string {
  if (value === null) return '\\N';
  if (typeof value !== 'string') return String(value);
  return /[\\\n\r\t]/.test(value) ? value.replaceAll(/[\\\n\r\t]/g, escape) : value;
}

function escape(character: string): string {
  return { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }[character] ?? character;
}

/** One COPY … FROM STDIN in pg's queue of queries: pg calls these methods as the server's messages come in. */
class CopyIn implements Submittable {
  readonly #sql: string;
  readonly #data: Buffer;
  readonly #resolve: () => void;
  readonly #reject: (error: Error) => void;
  #failure: Error | undefined;

  constructor(sql: string, data: Buffer, resolve: () => void, reject: (error: Error) => void) {
    this.#sql = sql;
    this.#data = data;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  submit(connection: Connection): void {
    connection.query(this.#sql);
  }

  handleCopyInResponse(connection: CopyConnection): void {
    connection.sendCopyFromChunk(this.#data);
    connection.endCopyFrom();
  }

  handleCommandComplete(): void {
    // handleReadyForQuery follows.
  }

  handleReadyForQuery(): void {
    if (this.#failure === undefined) this.#resolve();
  }

  handleError(error: Error): void {
    this.#failure = error;
    this.#reject(error);
  }
}
