import type { Change, Row } from '@millrace/schemas/cdc';
import { reach } from '../../background/index.ts';
import {
  boolean,
  hundredths,
  identity,
  integer,
  microseconds,
  oneOf,
  optionalMicroseconds,
  optionalText,
  text,
} from '../../fields/index.ts';
import { nextBoundary, ruleKinds, ruleScopes } from './rules.ts';
import type { PriceRule } from './rules.ts';
import { productsIn } from './scopes.ts';
import type { Ctx } from './stores.ts';

const RULE_TIMER = 'rule/';

const scopeOf = ({ scope, scopeId }: PriceRule): string => `${scope}/${scopeId}`;

export const referenceHandlers: Readonly<Record<string, (change: Change, ctx: Ctx) => void>> = {
  price_rules(change, ctx) {
    const { gone, row } = identity(change, 'rule_id');
    if (gone !== null) place(ctx, text(gone, 'rule_id'), null);
    if (row !== null) place(ctx, text(row, 'rule_id'), ruleOf(row));
  },

  categories(change, ctx) {
    const { gone, row } = identity(change, 'category_id');
    const { categories } = ctx.stores;
    const move = (id: string, parentId: string | null | undefined): void => {
      if (categories.get(id)?.parentId === parentId) return;
      if (parentId === undefined) categories.delete(id);
      else categories.set(id, { parentId });
      // Prices know a category only through the rules that stand above it.
      if (ctx.stores.rules.size > 0) reprice(ctx, `categories/${id}`, [`category/${id}`]);
    };
    if (gone !== null) move(text(gone, 'category_id'), undefined);
    if (row !== null) move(text(row, 'category_id'), optionalText(row, 'parent_id'));
  },
};

function ruleOf(row: Row): PriceRule {
  return {
    tenantId: text(row, 'tenant_id'),
    scope: oneOf(row, 'scope', ruleScopes),
    scopeId: text(row, 'scope_id'),
    kind: oneOf(row, 'kind', ruleKinds),
    value: hundredths(text(row, 'value')),
    priority: integer(row, 'priority'),
    fromUs: row['valid_from'] === -Infinity ? 0 : microseconds(row, 'valid_from'),
    toUs: optionalMicroseconds(row, 'valid_to'),
    active: boolean(row, 'active'),
  };
}

function place(ctx: Ctx, ruleId: string, rule: PriceRule | null): void {
  const { rules } = ctx.stores;
  const held = rules.get(ruleId);
  if (rule === null) rules.delete(ruleId);
  else rules.set(ruleId, rule);
  schedule(ctx, ruleId, rule);
  if (held !== undefined && rule !== null && isSame(held, rule)) return;
  // One that was and is switched off changes nothing.
  const scopes = [held, rule].flatMap((known) => (known?.active === true ? [scopeOf(known)] : []));
  if (scopes.length > 0) reprice(ctx, `price_rules/${ruleId}`, scopes);
}

function isSame(a: PriceRule, b: PriceRule): boolean {
  return (Object.keys(a) as (keyof PriceRule)[]).every((field) => a[field] === b[field]);
}

function schedule(ctx: Ctx, ruleId: string, rule: PriceRule | null): void {
  const dueUs = rule === null ? null : nextBoundary(rule, ctx.streamTimeUs);
  if (dueUs === null) ctx.clearTimer(RULE_TIMER + ruleId);
  else ctx.setTimer(RULE_TIMER + ruleId, dueUs);
}

/** A rule begins or ends to hold. False where the timer is no rule's. */
export function onRuleTimer(key: string, ctx: Ctx): boolean {
  if (!key.startsWith(RULE_TIMER)) return false;
  const ruleId = key.slice(RULE_TIMER.length);
  const rule = ctx.stores.rules.get(ruleId);
  if (rule !== undefined) {
    schedule(ctx, ruleId, rule);
    reprice(ctx, `price_rules/${ruleId}`, [scopeOf(rule)]);
  }
  return true;
}

/** True where the table is one of reference data. */
export function truncateReference(table: string, ctx: Ctx): boolean {
  const { rules, categories } = ctx.stores;
  if (table === 'price_rules') {
    const scopes = new Set<string>();
    for (const ruleId of rules.keys()) {
      const rule = rules.get(ruleId);
      if (rule !== undefined) scopes.add(scopeOf(rule));
      rules.delete(ruleId);
      ctx.clearTimer(RULE_TIMER + ruleId);
    }
    reprice(ctx, 'price_rules/', [...scopes]);
    return true;
  }
  if (table !== 'categories') return false;
  const scopes = new Set<string>();
  for (const id of categories.keys()) scopes.add(`category/${id}`);
  const concerned = productsIn(ctx, [...scopes]);
  for (const id of categories.keys()) categories.delete(id);
  if (rules.size > 0) reach(ctx, 'categories/', [...scopes].sort(), concerned);
  return true;
}

function reprice(ctx: Ctx, cause: string, scopes: readonly string[]): void {
  reach(ctx, cause, scopes, productsIn(ctx, scopes));
}
