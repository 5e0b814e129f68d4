import { defineProcessor, entriesOf, keyedStore, rowsOf } from '../runtime/index.ts';
import type { AnyProcessor } from '../runtime/index.ts';

/**
 * A bank in the shop's clothes, whose books must balance at every position: accounts are products, a transfer is two movements in one commit. What
 * is paid in may be held back for a while, until a timer releases it.
 */
interface Account {
  readonly balance: number;
  readonly held: number;
  readonly movements: number;
}

const none: Account = { balance: 0, held: 0, movements: 0 };
const HOLD_US = 7_000_000;

/** Balance of each account, `stock:<account>`; closed (deleted) while nothing is in it. */
export const ledger: AnyProcessor = defineProcessor({
  name: 'ledger',
  output: 'views.inventory',
  stateVersion: 1,
  inputs: [rowsOf('cdc.catalog', 'stock_movements')],
  stores: { accounts: keyedStore<Account>() },
  apply({ after }, ctx) {
    const id = String(after?.['product_id']);
    const delta = Number(after?.['delta']);
    const account = ctx.stores.accounts.get(id) ?? none;
    const held = delta > 0 && delta % 3 === 0 ? delta : 0;
    ctx.stores.accounts.set(id, {
      balance: account.balance + delta,
      held: account.held + held,
      movements: account.movements + 1,
    });
    if (held > 0) ctx.setTimer(id, ctx.streamTimeUs + HOLD_US);
    ctx.touch(id);
  },
  onTimer(id, ctx) {
    const account = ctx.stores.accounts.get(id) ?? none;
    ctx.stores.accounts.set(id, { ...account, held: 0 });
    ctx.touch(id);
  },
  emit(id, ctx) {
    const { balance, held, movements } = ctx.stores.accounts.get(id) ?? none;
    if (balance === 0 && held === 0) {
      ctx.stores.accounts.delete(id);
      ctx.put('stock', id, null);
      return;
    }
    ctx.put('stock', id, {
      tenantId: '',
      productId: id,
      onHand: balance,
      reserved: held,
      available: balance - held,
      status: 'in_stock',
      lowStockThreshold: movements,
      variants: [],
    });
  },
});

interface Audited {
  readonly seen: number;
  readonly counted: number;
}

/** What the ledger says beside what the movements add up to, as of the same commit: `price:<account>`, amount and base amount, always equal. */
export const audit: AnyProcessor = defineProcessor({
  name: 'audit',
  output: 'views.pricing',
  stateVersion: 1,
  inputs: [rowsOf('cdc.catalog', 'stock_movements'), entriesOf('views.inventory', 'stock')],
  stores: { accounts: keyedStore<Audited>() },
  apply({ after }, ctx) {
    const id = String(after?.['product_id']);
    const { seen, counted } = ctx.stores.accounts.get(id) ?? { seen: 0, counted: 0 };
    ctx.stores.accounts.set(id, { seen, counted: counted + Number(after?.['delta']) });
    ctx.touch(id);
  },
  applyView({ id, data }, ctx) {
    const { counted } = ctx.stores.accounts.get(id) ?? { counted: 0 };
    ctx.stores.accounts.set(id, { seen: data !== null && 'onHand' in data ? data.onHand : 0, counted });
    ctx.touch(id);
  },
  emit(id, ctx) {
    const { seen, counted } = ctx.stores.accounts.get(id) ?? { seen: 0, counted: 0 };
    ctx.put('price', id, {
      tenantId: '',
      productId: id,
      amount: String(seen),
      currency: 'USD',
      baseAmount: String(counted),
      listAmount: null,
      ruleId: null,
      reason: 'base',
      validUntil: null,
      nextChangeAt: null,
      lowest30d: '0',
      variants: [],
    });
  },
});
