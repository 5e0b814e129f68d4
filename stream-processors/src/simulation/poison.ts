import { defineProcessor, entriesOf, keyedStore, rowsOf } from '../runtime/index.ts';
import type { AnyProcessor } from '../runtime/index.ts';
import type { Movement } from './books.ts';

/**
 * A bank whose first releases cannot bear everything: their handlers throw, and accounts are parked. What it shows of an account depends on the order
 * of its movements and on nothing else, so that a redrive that loses order, or a movement, comes to something else.
 */
export type Release = 0 | 1 | 2;
/** Bears everything. */
export const LAST_RELEASE: Release = 2;

interface Account {
  readonly balance: number;
  readonly held: number;
  /** Of the movements since it was opened, in their order. */
  readonly trail: number;
}

interface Audited {
  readonly seen: number;
  readonly counted: number;
  readonly trail: number;
}

const none: Account = { balance: 0, held: 0, trail: 0 };
const unseen: Audited = { seen: 0, counted: 0, trail: 0 };
const HOLD_US = 7_000_000;

const trailAfter = (trail: number, delta: number): number => (trail * 31 + delta + 10) % 1_000_003;

function refuse(isRefused: boolean, what: string): void {
  if (isRefused) throw new Error(`this release cannot bear ${what}`);
}

/** After a movement; null: closed, until the next one. */
function moved(account: Account, delta: number): Account | null {
  const balance = account.balance + delta;
  if (balance === 0) return null;
  const held = delta > 0 && delta % 3 === 0 ? delta : 0;
  return { balance, held: account.held + held, trail: trailAfter(account.trail, delta) };
}

/** The bank, release after release. */
export const bankWithPoison = (): (readonly AnyProcessor[])[] => [bankOf(0), bankOf(1), bankOf(2)];

/** What the ledger may show of each account, in this order, some of it left out: as text, each standing for one more movement. */
export function shownOf(movements: readonly Movement[]): ReadonlyMap<string, readonly string[]> {
  const shown = new Map<string, string[]>();
  const accounts = new Map<string, Account>();
  for (const { account: id, delta } of movements) {
    const account = moved(accounts.get(id) ?? none, delta);
    if (account === null) accounts.delete(id);
    else accounts.set(id, account);
    const list = shown.get(id) ?? [];
    shown.set(id, list);
    list.push(account === null ? 'closed' : `${account.balance} after ${account.trail}`);
  }
  return shown;
}

const bankOf = (release: Release): readonly AnyProcessor[] => [ledgerOf(release), auditOf(release)];

function ledgerOf(release: Release): AnyProcessor {
  return defineProcessor({
    name: 'ledger',
    output: 'views.inventory',
    stateVersion: 1,
    inputs: [rowsOf('cdc.catalog', 'stock_movements')],
    stores: { accounts: keyedStore<Account>() },
    apply({ after }, ctx) {
      const id = String(after?.['product_id']);
      const delta = Number(after?.['delta']);
      const account = moved(ctx.stores.accounts.get(id) ?? none, delta);
      if (account === null) ctx.stores.accounts.delete(id);
      else ctx.stores.accounts.set(id, account);
      // Of the row's own commit: a row that waited has the time that it would have had.
      if (account !== null && account.held > 0) ctx.setTimer(id, ctx.tsUs + HOLD_US);
      ctx.touch(id);
      // After it has changed something, which must be undone.
      refuse(Math.abs(delta) === 5 && release < 2, 'fives');
      refuse(Math.abs(delta) === 7 && release < 1, 'sevens');
    },
    onTimer(id, ctx) {
      const account = ctx.stores.accounts.get(id);
      if (account === undefined) return;
      ctx.stores.accounts.set(id, { ...account, held: 0 });
      ctx.touch(id);
      refuse(account.trail % 6 === 0 && release < 2, 'this release of a hold');
    },
    emit(id, ctx) {
      const account = ctx.stores.accounts.get(id);
      if (account === undefined) {
        ctx.put('stock', id, null);
        return;
      }
      const { balance, held, trail } = account;
      refuse(trail % 9 === 0 && release < 2, 'to show this');
      const stock = { onHand: balance, reserved: held, available: balance - held, lowStockThreshold: trail };
      ctx.put('stock', id, { tenantId: '', productId: id, ...stock, status: 'in_stock', variants: [] });
    },
  });
}

function auditOf(release: Release): AnyProcessor {
  return defineProcessor({
    name: 'audit',
    output: 'views.pricing',
    stateVersion: 1,
    inputs: [rowsOf('cdc.catalog', 'stock_movements'), entriesOf('views.inventory', 'stock')],
    stores: { accounts: keyedStore<Audited>() },
    apply({ after }, ctx) {
      const id = String(after?.['product_id']);
      const delta = Number(after?.['delta']);
      const { seen, counted, trail } = ctx.stores.accounts.get(id) ?? unseen;
      ctx.stores.accounts.set(id, { seen, counted: counted + delta, trail: trailAfter(trail, delta) });
      ctx.touch(id);
      refuse(Math.abs(delta) === 3 && release < 2, 'threes');
    },
    applyView({ id, data }, ctx) {
      const seen = data !== null && 'onHand' in data ? data.onHand : 0;
      ctx.stores.accounts.set(id, { ...(ctx.stores.accounts.get(id) ?? unseen), seen });
      ctx.touch(id);
      refuse(seen === 4 && release < 1, 'four in an account');
    },
    emit(id, ctx) {
      const { seen, counted } = ctx.stores.accounts.get(id) ?? unseen;
      ctx.put('price', id, {
        ...{ tenantId: '', productId: id, amount: String(seen), currency: 'USD', baseAmount: String(counted) },
        ...{ listAmount: null, ruleId: null, reason: 'base', validUntil: null, nextChangeAt: null, lowest30d: '0' },
        variants: [],
      });
    },
  });
}
