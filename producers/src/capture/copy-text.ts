import type { TextRow } from '@millrace/schemas/cdc';

const TAB = 0x09;
const NEWLINE = 0x0a;
const BACKSLASH = 0x5c;

/** What follows a backslash, and what it stands for; anything else stands for itself. */
const ESCAPES: Readonly<Record<number, number>> = { 0x62: 8, 0x66: 12, 0x6e: 10, 0x72: 13, 0x74: 9, 0x76: 11 };

/**
 * One line of COPY's text format as a row. Escapes are undone in place, so the line's bytes change; the row is a view of them.
 */
export function readCopyLine(line: Buffer, row: TextRow): void {
  row.reset(line);
  const end = line.length > 0 && line[line.length - 1] === NEWLINE ? line.length - 1 : line.length;
  let at = 0;
  for (;;) {
    const start = at;
    while (at < end && line[at] !== TAB && line[at] !== BACKSLASH) at++;
    let write = at;
    let isNull = false;
    while (at < end && line[at] !== TAB) {
      let byte = line[at++] ?? 0;
      if (byte === BACKSLASH) {
        byte = line[at++] ?? 0;
        if (byte === 0x4e && at - start === 2) isNull = true;
        byte = ESCAPES[byte] ?? byte;
      }
      line[write++] = byte;
    }
    if (isNull) row.pushNull();
    else row.push(start, write);
    if (at >= end) return;
    at++;
  }
}
