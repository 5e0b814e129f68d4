/** Where verbs write: text for people, or one JSON document (one a line for streams) under `--json`. */
export interface Output {
  readonly json: boolean;
  /** The verb's result: JSON under `--json`, else what `text` makes of it. */
  result<T>(value: T, text: (value: T) => string): void;
  /** Progress and remarks: standard error, so that results stay clean. */
  note(text: string): void;
}

export function output(json: boolean): Output {
  return {
    json,
    result: (value, text) => {
      process.stdout.write(`${json ? JSON.stringify(value, bigintText) : text(value)}\n`);
    },
    note: (text) => {
      process.stderr.write(`${text}\n`);
    },
  };
}

function bigintText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

/** Columns padded to their widest cell; the first row is the heading. */
export function table(rows: readonly (readonly (string | number | null)[])[]): string {
  const cells = rows.map((row) => row.map((cell) => (cell === null ? '–' : String(cell))));
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => (row[column] ?? '').length)));
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** 0 done; 1 failed; 2 wrong usage; 3 done, but a check found a difference. */
export const EXIT = { done: 0, failed: 1, usage: 2, difference: 3 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
