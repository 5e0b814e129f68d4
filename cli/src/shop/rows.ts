/** Rows as the tables of `commerce` take them: columns by their own names, money and times as text, ids as UUID text. */
export type CellValue = string | number | boolean | null | Readonly<Record<string, unknown>> | readonly unknown[];
export type Row = Readonly<Record<string, CellValue>>;

/** Rows by table, in an order in which they may be inserted. */
export type RowsByTable = readonly (readonly [table: string, rows: readonly Row[]])[];

/** `created_at` and `updated_at` of a row made at this moment. */
export function madeAt(atMs: number, changedMs = atMs): { created_at: string; updated_at: string } {
  const created_at = timeText(atMs);
  return { created_at, updated_at: changedMs === atMs ? created_at : timeText(changedMs) };
}

export function timeText(atMs: number): string {
  return new Date(atMs).toISOString();
}
