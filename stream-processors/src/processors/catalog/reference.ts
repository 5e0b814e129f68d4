import type { Change } from '@millrace/schemas/cdc';
import { identity, optionalText, text } from '../../fields/index.ts';
import type { Ctx } from './stores.ts';

/** Names from the root down to the category. A circle, which the database refuses, ends where it closes. */
export function categoryPath(ctx: Ctx, categoryId: string): readonly string[] {
  const names: string[] = [];
  const seen = new Set<string>();
  for (let id: string | null = categoryId; id !== null && !seen.has(id);) {
    seen.add(id);
    const category = ctx.stores.categories.get(id);
    if (category === undefined) break;
    names.push(category.name);
    id = category.parentId;
  }
  return names.reverse();
}

export const referenceHandlers: Readonly<Record<string, (change: Change, ctx: Ctx) => void>> = {
  categories(change, ctx) {
    const { gone, row } = identity(change, 'category_id');
    if (gone !== null) {
      const id = text(gone, 'category_id');
      ctx.stores.categories.delete(id);
      touchBelow(ctx, id);
    }
    if (row === null) return;
    const id = text(row, 'category_id');
    const held = ctx.stores.categories.get(id);
    const category = { parentId: optionalText(row, 'parent_id'), name: text(row, 'name', held?.name) };
    ctx.stores.categories.set(id, category);
    if (held?.name !== category.name || held.parentId !== category.parentId) touchBelow(ctx, id);
  },

  tags(change, ctx) {
    named('tags', 'tag_id', 'tag', change, ctx);
  },

  vendors(change, ctx) {
    named('vendors', 'vendor_id', 'vendor', change, ctx);
  },
};

function named(store: 'tags' | 'vendors', key: string, index: 'tag' | 'vendor', change: Change, ctx: Ctx): void {
  const { gone, row } = identity(change, key);
  if (gone !== null) {
    const id = text(gone, key);
    ctx.stores[store].delete(id);
    touchAll(ctx, ctx.stores.products.keysBy(index, id));
  }
  if (row === null) return;
  const id = text(row, key);
  const held = ctx.stores[store].get(id);
  const name = text(row, 'name', held?.name);
  if (held?.name === name) return;
  ctx.stores[store].set(id, { name });
  touchAll(ctx, ctx.stores.products.keysBy(index, id));
}

/** True where the table is one of reference data. */
export function truncateReference(table: string, ctx: Ctx): boolean {
  if (table !== 'categories' && table !== 'tags' && table !== 'vendors') return false;
  const store = ctx.stores[table];
  for (const id of store.keys()) store.delete(id);
  touchAll(ctx, ctx.stores.products.keys());
  return true;
}

/** Every product in the category or below it. */
function touchBelow(ctx: Ctx, categoryId: string): void {
  const seen = new Set<string>();
  const open = [categoryId];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    touchAll(ctx, ctx.stores.products.keysBy('category', id));
    open.push(...ctx.stores.categories.keysBy('parent', id));
  }
}

function touchAll(ctx: Ctx, productIds: Iterable<string>): void {
  for (const id of productIds) ctx.touch(id);
}
