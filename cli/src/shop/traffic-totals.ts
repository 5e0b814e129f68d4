import { types } from 'node:util';
import type { Action } from './traffic-plan.ts';

export interface ActionTotals {
  readonly done: number;
  readonly refused: number;
  readonly errors: number;
}

/** done: committed. refused: the shop said no, as it should. errors: everything else. late: not begun, too much was under way. */
export interface TrafficTotals extends ActionTotals {
  readonly late: number;
  readonly bySql: number;
  readonly byApi: number;
  readonly byAction: Readonly<Record<string, ActionTotals>>;
  /** How often each error was met, at most 20 different ones. */
  readonly errorMessages: Readonly<Record<string, number>>;
}

const differentErrors = 20;

/** Counts what traffic did. */
export class Tally {
  readonly #byAction = new Map<Action, { done: number; refused: number; errors: number }>();
  readonly #messages = new Map<string, number>();
  readonly #via = { sql: 0, api: 0 };
  #late = 0;

  count(action: Action, via: 'sql' | 'api', what: 'done' | 'refused' | 'errors'): void {
    const totals = this.#byAction.get(action) ?? { done: 0, refused: 0, errors: 0 };
    totals[what] += 1;
    this.#byAction.set(action, totals);
    this.#via[via] += 1;
  }

  late(count: number): void {
    this.#late += count;
  }

  error(error: unknown): void {
    const message = messageOf(error);
    const key = this.#messages.has(message) || this.#messages.size < differentErrors - 1 ? message : 'other errors';
    this.#messages.set(key, (this.#messages.get(key) ?? 0) + 1);
  }

  totals(): TrafficTotals {
    const all = [...this.#byAction.values()];
    const sum = (of: keyof ActionTotals) => all.reduce((total, one) => total + one[of], 0);
    return {
      done: sum('done'),
      refused: sum('refused'),
      errors: sum('errors'),
      late: this.#late,
      bySql: this.#via.sql,
      byApi: this.#via.api,
      byAction: Object.fromEntries([...this.#byAction].map(([action, totals]) => [action, { ...totals }])),
      errorMessages: Object.fromEntries(this.#messages),
    };
  }
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return messageOf(error.errors[0]);
  return types.isNativeError(error) ? error.message : String(error);
}
