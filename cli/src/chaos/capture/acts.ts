import { randomOf } from '../../shop/random.ts';
import type { Random } from '../../shop/random.ts';
import { MOST_RETYPED } from './audit.ts';
import type { ResnapshotScope } from '../../capture/index.ts';

export type AuditedTable = 'customers' | 'addresses';

/** What an operator, or someone at the database, does while producers are killed. */
export type Act =
  /** A column that may be null: readers of older and newer records can follow. */
  | { readonly kind: 'add-column'; readonly table: AuditedTable; readonly column: string }
  | { readonly kind: 'drop-column'; readonly table: AuditedTable; readonly column: string }
  /** Asked for, not waited for; left out where others are still waiting. */
  | { readonly kind: 'resnapshot'; readonly scope: ResnapshotScope }
  /** The stream is paused and resumed. */
  | { readonly kind: 'hold'; readonly forMs: number }
  /** The n-th incompatible change of `addresses`: it is parked, and resumed after `forMs`. Left out where re-snapshots do not end. */
  | { readonly kind: 'park'; readonly n: number; readonly forMs: number };

/** An act, so long after the one before. */
export type TimedAct = Act & { readonly afterMs: number };

const LONGEST_WAIT_MS = 2_500;
const MOST_COLUMNS = 6;
const LONGEST_HOLD_MS = 2_000;

/** All that is done, without end, from the seed alone. */
export function* operatorActs(seed: string, aggregates: readonly string[]): Generator<TimedAct, never> {
  const random = randomOf(seed, 'acts');
  const columns: Record<AuditedTable, string[]> = { customers: [], addresses: [] };
  let made = 0;
  let parked = 0;
  for (;;) {
    const afterMs = random.int(0, LONGEST_WAIT_MS);
    const draw = random.next();
    if (draw < 0.3) {
      const table = random.pick(['customers', 'addresses'] as const);
      const there = columns[table];
      if (there.length > 0 && random.chance(there.length / MOST_COLUMNS)) {
        const [column = ''] = there.splice(random.int(0, there.length - 1), 1);
        yield { kind: 'drop-column', table, column, afterMs };
      } else {
        const column = `added_${++made}`;
        there.push(column);
        yield { kind: 'add-column', table, column, afterMs };
      }
    } else if (draw < 0.65) yield { kind: 'resnapshot', scope: scope(random, aggregates), afterMs };
    else if (draw < 0.8) yield { kind: 'hold', forMs: random.int(0, LONGEST_HOLD_MS), afterMs };
    else if (parked < MOST_RETYPED) yield { kind: 'park', n: ++parked, forMs: random.int(0, LONGEST_HOLD_MS), afterMs };
  }
}

/** Mostly small parts, and few with deletes: the table and the log grow all the while. Aggregates are in their order. */
function scope(random: Random, aggregates: readonly string[]): ResnapshotScope {
  const deletes = random.chance(0.15);
  const draw = random.next();
  if (draw < 0.05) return { topic: 'cdc.customers', deletes };
  if (draw < 0.45) return { topic: 'cdc.customers', aggregate: random.pick(aggregates), deletes };
  const table = random.pick(['commerce.customers', 'commerce.addresses']);
  if (draw < 0.55) return { table, deletes };
  const first = random.int(0, aggregates.length - 1);
  return { table, from: aggregates[first], to: aggregates[first + random.int(0, 5)], deletes };
}
