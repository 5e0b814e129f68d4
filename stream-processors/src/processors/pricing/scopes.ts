import type { PriceRule, ProductRules } from './rules.ts';
import type { Ctx, ProductPrices } from './stores.ts';

/** `<scope>/<id>` of everything a product is in: itself, its vendor, its tags, its category and all above it. */
export function scopesOf(ctx: Ctx, productId: string, { product, tags }: ProductPrices): string[] {
  const scopes = [`product/${productId}`, ...tags.map((id) => `tag/${id}`)];
  if (product === null) return scopes;
  if (product.vendorId !== null) scopes.push(`vendor/${product.vendorId}`);
  const seen = new Set<string>();
  for (let id = product.categoryId; id !== null && !seen.has(id);) {
    seen.add(id);
    scopes.push(`category/${id}`);
    id = ctx.stores.categories.get(id)?.parentId ?? null;
  }
  return scopes;
}

/** Every rule of the product's tenant whose scope it is in, in force or not. */
export function rulesOf(ctx: Ctx, productId: string, held: ProductPrices): ProductRules {
  const { rules } = ctx.stores;
  const found = new Map<string, PriceRule>();
  if (rules.size === 0) return found;
  for (const scope of scopesOf(ctx, productId, held)) {
    for (const ruleId of rules.keysBy('scope', scope)) {
      const rule = rules.get(ruleId);
      if (rule !== undefined && rule.tenantId === held.product?.tenantId) found.set(ruleId, rule);
    }
  }
  return found;
}

/** The products in any of the scopes. */
export function productsIn(ctx: Ctx, scopes: readonly string[]): Set<string> {
  const { products } = ctx.stores;
  const ids = new Set<string>();
  const add = (found: Iterable<string>): void => {
    for (const id of found) ids.add(id);
  };
  for (const scope of scopes) {
    const slash = scope.indexOf('/');
    const id = scope.slice(slash + 1);
    switch (scope.slice(0, slash)) {
      case 'product':
        if (products.get(id) !== undefined) ids.add(id);
        break;
      case 'category':
        for (const category of withAllBelow(ctx, id)) add(products.keysBy('category', category));
        break;
      case 'vendor':
        add(products.keysBy('vendor', id));
        break;
      default:
        add(products.keysBy('tag', id));
    }
  }
  return ids;
}

function withAllBelow(ctx: Ctx, categoryId: string): ReadonlySet<string> {
  const found = new Set<string>();
  const open = [categoryId];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (found.has(id)) continue;
    found.add(id);
    open.push(...ctx.stores.categories.keysBy('parent', id));
  }
  return found;
}
