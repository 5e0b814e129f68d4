import { open } from 'node:fs/promises';
import { closeSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

const maxLogBytes = 20_000_000;

/** Opens a log for appending; a long one is first moved aside to `<path>.1`. Returns a file descriptor. */
export function openLog(path: string): number {
  mkdirSync(dirname(path), { recursive: true });
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > maxLogBytes) renameSync(path, `${path}.1`);
  return openSync(path, 'a');
}

export const closeLog = closeSync;

/** The last lines of a file that say something, at most `count`; empty when it cannot be read. */
export async function lastLines(path: string, count: number): Promise<string[]> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const length = Math.min(size, 16_384);
      const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
      return buffer
        .toString('utf8')
        .split('\n')
        .filter((line) => line.trim() !== '')
        .slice(-count);
    } finally {
      await file.close();
    }
  } catch {
    return [];
  }
}

/** Whether log lines say that the disk is full. */
export function saysDiskFull(lines: readonly string[]): boolean {
  return lines.some((line) => /no space left on device|ENOSPC|disk (is )?full|flood stage/i.test(line));
}

/**
 * What the end of a log says to a person: of our deployables' JSON lines the last error's message and hint, of any other log its last lines.
 */
export function lastWords(lines: readonly string[]): string {
  const errors = lines.flatMap((line) => {
    const entry = jsonLine(line);
    if (entry === undefined || Number(entry['level']) < 50) return [];
    const hint = typeof entry['hint'] === 'string' ? ` ${entry['hint']}` : '';
    return [`${String(entry['msg'])}${hint}`];
  });
  const last = errors.at(-1);
  if (last !== undefined) return ` It said: ${last}`;
  const plain = lines.slice(-3).map((line) => line.trim().slice(0, 240));
  return plain.length === 0 ? '' : ` Its last lines: ${plain.join(' | ')}.`;
}

function jsonLine(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
