import type { AuditedStep } from './audit.ts';

/** Does to rows, by key, what these steps did. */
export function rowsAfter(rows: Map<string, string>, steps: readonly Pick<AuditedStep, 'step'>[]): void {
  for (const { step } of steps) {
    const [op, key = '', content = ''] = step.split(' ');
    if (op === 'd') rows.delete(key);
    else rows.set(key, contentOf(content));
  }
}

/**
 * How many steps the snapshot holds: as many as lead to its rows. Where several do (an event changes no row), the one before the first that
 * was received. -1 where none does.
 */
export function beginningOf(
  expected: readonly AuditedStep[],
  snapshot: ReadonlyMap<string, string>,
  received: ReadonlySet<string>,
): number {
  const rows = new Map<string, string>();
  let wrong = snapshot.size;
  let best = wrong === 0 ? 0 : -1;
  for (const [index, audited] of expected.entries()) {
    if (received.has(audited.step)) break;
    const key = audited.step.split(' ')[1] ?? '';
    const differs = (): number => Number(rows.get(key) !== snapshot.get(key));
    wrong -= differs();
    rowsAfter(rows, [audited]);
    wrong += differs();
    if (wrong === 0) best = index + 1;
  }
  return best;
}

/** `4:12` is 4 in a row of 12 columns. */
function contentOf(noted: string): string {
  return noted.split(':')[0] ?? '';
}
