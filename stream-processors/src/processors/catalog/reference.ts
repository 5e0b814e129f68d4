import type { Change } from '@millrace/schemas/cdc';
import { reach } from '../../background/index.ts';
import { identity, optionalText, text } from '../../fields/index.ts';
import type { Ctx } from './stores.ts';

/** The category and all above it. A circle, which the database refuses, ends where it closes. */
function lineOf(ctx: Ctx, categoryId: string | null): readonly string[] {
  const line = new Set<string>();
  for (let id = categoryId; id !== null && !line.has(id);) {
    line.add(id);
    id = ctx.stores.categories.get(id)?.parentId ?? null;
  }
  return [...line];
}

/** Names from the root down to the category. */
export function categoryPath(ctx: Ctx, categoryId: string): readonly string[] {
  return lineOf(ctx, categoryId)
    .flatMap((id) => ctx.stores.categories.get(id)?.name ?? [])
    .reverse();
}

export const swept = {
  inBucket: (ctx: Ctx, bucket: string) => ctx.stores.products.keysBy('bucket', bucket),
  isIn(ctx: Ctx, id: string, scopes: ReadonlySet<string>): boolean {
    const held = ctx.stores.products.get(id);
    if (held === undefined) return false;
    const { head, tags } = held;
    return (
      (head?.vendorId != null && scopes.has(`vendor/${head.vendorId}`)) ||
      Object.keys(tags).some((tag) => scopes.has(`tag/${tag}`)) ||
      lineOf(ctx, head?.categoryId ?? null).some((category) => scopes.has(`category/${category}`))
    );
  },
};

export const referenceHandlers: Readonly<Record<string, (change: Change, ctx: Ctx) => void>> = {
  categories(change, ctx) {
    const { gone, row } = identity(change, 'category_id');
    if (gone !== null) {
      const id = text(gone, 'category_id');
      ctx.stores.categories.delete(id);
      show(ctx, 'category', id);
    }
    if (row === null) return;
    const id = text(row, 'category_id');
    const held = ctx.stores.categories.get(id);
    const category = { parentId: optionalText(row, 'parent_id'), name: text(row, 'name', held?.name) };
    ctx.stores.categories.set(id, category);
    if (held?.name !== category.name || held.parentId !== category.parentId) show(ctx, 'category', id);
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
    show(ctx, index, id);
  }
  if (row === null) return;
  const id = text(row, key);
  const held = ctx.stores[store].get(id);
  const name = text(row, 'name', held?.name);
  if (held?.name === name) return;
  ctx.stores[store].set(id, { name });
  show(ctx, index, id);
}

/** True where the table is one of reference data. */
export function truncateReference(table: string, ctx: Ctx): boolean {
  if (table !== 'categories' && table !== 'tags' && table !== 'vendors') return false;
  const index = ({ categories: 'category', tags: 'tag', vendors: 'vendor' } as const)[table];
  const store = ctx.stores[table];
  const ids = [...store.keys()].sort();
  const concerned = new Set(ids.flatMap((id) => [...ctx.stores.products.keysBy(index, id)]));
  for (const id of ids) store.delete(id);
  reach(
    ctx,
    `${table}/`,
    ids.map((id) => `${index}/${id}`),
    concerned,
  );
  return true;
}

/** Brings the change to every product that shows the category (or one below it), tag or vendor. */
function show(ctx: Ctx, index: 'category' | 'tag' | 'vendor', id: string): void {
  const concerned = new Set<string>();
  const seen = new Set<string>();
  const open = [id];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (seen.has(at)) continue;
    seen.add(at);
    for (const productId of ctx.stores.products.keysBy(index, at)) concerned.add(productId);
    if (index === 'category') open.push(...ctx.stores.categories.keysBy('parent', at));
  }
  reach(ctx, `${index}/${id}`, [`${index}/${id}`], concerned);
}
