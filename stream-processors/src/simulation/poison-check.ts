import type { ViewEntry } from '@millrace/schemas/views';
import type { Books } from './books.ts';
import { shownOf } from './poison.ts';

/** Of a view's log: what it was given, in order. */
export interface Given {
  readonly name: string;
  readonly wanted: readonly ViewEntry[];
  readonly got: readonly ViewEntry[];
}

/** Entries of accounts that were never parked, in any life of any task, are the sequential run's: parking holds up nobody else. */
export function bystanderFindings({ name, wanted, got }: Given, parked: ReadonlySet<string>): string[] {
  const others = (entries: readonly ViewEntry[]): string[] =>
    entries.filter(({ id }) => !parked.has(id)).map((entry) => textOf(entry));
  const [right, given] = [others(wanted), others(got)];
  const at = right.findIndex((text, index) => text !== given[index]);
  if (at === -1 && right.length === given.length) return [];
  const index = at === -1 ? right.length : at;
  return [
    `${name} was given ${given[index] ?? 'nothing'} of accounts never parked, where ${right[index] ?? 'nothing'} was due`,
  ];
}

/** No entry's position ever goes back, or stands still. */
export function positionFindings({ name, got }: Given): string[] {
  const last = new Map<string, bigint>();
  for (const { id, lsn } of got) {
    if ((last.get(id) ?? -1n) >= lsn) return [`${id} of ${name} goes from position ${last.get(id)} to ${lsn}`];
    last.set(id, lsn);
  }
  return [];
}

/** Whatever the ledger shows of an account is what its first so many movements make, in their order; and never fewer than before. */
export function orderFindings({ name, got }: Given, books: Books): string[] {
  const shown = shownOf(books.movements);
  const reached = new Map<string, number>();
  for (const { id, data } of got) {
    const text = data !== null && 'onHand' in data ? `${data.onHand} after ${data.lowStockThreshold}` : 'closed';
    const from = reached.get(id) ?? 0;
    const at = shown.get(id)?.indexOf(text, from) ?? -1;
    if (at === -1)
      return [`${id} of ${name} is ${text}, which no movements from number ${from} on make in their order`];
    reached.set(id, at);
  }
  return [];
}

const textOf = ({ kind, id, lsn, data }: ViewEntry): string => `${kind}:${id} at ${lsn} ${JSON.stringify(data)}`;
