import { lineAmounts } from './order-line.ts';
import { randomOf, stableId } from './random.ts';
import type { SourceLine } from './source.ts';
import { colours, distributors, materials, noBrands } from './vocabulary.ts';

/** When the shop opened: a month before the source's first order. */
export const openedAt = Date.UTC(2013, 11, 2, 8);

export interface ShopVariant {
  readonly variantId: string;
  readonly sku: string;
  readonly name: string;
  readonly listCents: number;
}

export interface ShopProduct {
  readonly productId: string;
  readonly sku: string;
  readonly name: string;
  readonly category: string;
  readonly subCategory: string;
  readonly vendor: string;
  /** By tag name. */
  readonly tags: Readonly<Record<string, string>>;
  readonly createdAt: number;
  /** The first is the default variant: its id is the product's. */
  readonly variants: readonly ShopVariant[];
  readonly unitsSold: number;
}

export interface Catalog {
  /** Sub-categories by category. */
  readonly categories: ReadonlyMap<string, readonly string[]>;
  readonly vendors: readonly string[];
  readonly products: readonly ShopProduct[];
  /** The product and variant that a source line sold. */
  itemOf(line: SourceLine): { readonly product: ShopProduct; readonly variant: ShopVariant };
}

/**
 * What the source's lines sold, as a catalog. The source has 32 skus under which two different things were sold, at two
 * prices: each is one product with two variants.
 */
export function catalogOf(lines: readonly SourceLine[], seed: string): Catalog {
  const brands = brandsOf(lines);
  const bySku = groupBy(lines, (line) => line.sku);
  const bestSellers = bestSellersOf(bySku);
  const products = [...bySku].map(([sku, sold]) => productOf(sku, sold, brands, bestSellers.has(sku), seed));
  const index = new Map(products.map((product) => [product.sku, product]));
  return {
    categories: new Map(
      [...groupBy(lines, (line) => line.category)].map(([category, group]) => [
        category,
        [...new Set(group.map((line) => line.subCategory))].sort(),
      ]),
    ),
    vendors: [...new Set(products.map((product) => product.vendor))].sort(),
    products,
    itemOf: (line) => {
      const product = index.get(line.sku);
      const variant = product?.variants.find((candidate) => candidate.name === line.productName);
      if (product === undefined || variant === undefined) throw new RangeError(`line ${line.row} is of another source`);
      return { product, variant };
    },
  };
}

function productOf(
  sku: string,
  sold: readonly SourceLine[],
  brands: ReadonlyMap<string, string>,
  bestSeller: boolean,
  seed: string,
): ShopProduct {
  const first = sold[0];
  if (first === undefined) throw new RangeError('a product nobody sold');
  const random = randomOf(seed, 'product', sku);
  const createdAt = openedAt + random.int(0, 20 * 86_400) * 1000;
  const productId = stableId(createdAt, seed, 'product', sku);
  const vendor = brands.get(brandKey(first.productName)) ?? random.pick(distributors);
  const byName = [...groupBy(sold, (line) => line.productName)];
  return {
    productId,
    sku,
    name: first.productName,
    category: first.category,
    subCategory: first.subCategory,
    vendor,
    tags: tagsOf(first.productName, vendor, bestSeller),
    createdAt,
    variants: byName.map(([name, group], at) => ({
      variantId: at === 0 ? productId : stableId(createdAt, seed, 'variant', sku, name),
      sku: at === 0 ? sku : `${sku}-${at + 1}`,
      name,
      listCents: usualPrice(group),
    })),
    unitsSold: sold.reduce((sum, line) => sum + line.quantity, 0),
  };
}

/** The list price most lines were sold at; the lower of two equally usual ones. */
function usualPrice(lines: readonly SourceLine[]): number {
  const counts = new Map<number, number>();
  for (const line of lines) {
    const { unitCents } = lineAmounts(line);
    counts.set(unitCents, (counts.get(unitCents) ?? 0) + 1);
  }
  const [usual] = [...counts].sort(([one, often], [other, seldom]) => seldom - often || one - other);
  if (usual === undefined) throw new RangeError('no lines');
  return usual[0];
}

function brandKey(name: string): string {
  return (/^[^\s,]+/.exec(name)?.[0] ?? '').toLowerCase();
}

/** First words that at least five products share are brands, written as the source writes them most often first. */
function brandsOf(lines: readonly SourceLine[]): ReadonlyMap<string, string> {
  const names = new Set(lines.map((line) => line.productName));
  const groups = groupBy([...names], brandKey);
  return new Map(
    [...groups]
      .filter(([key, group]) => group.length >= 5 && !noBrands.has(key))
      .map(([key, group]) => [key, /^[^\s,]+/.exec(group[0] ?? '')?.[0] ?? key]),
  );
}

function bestSellersOf(bySku: ReadonlyMap<string, readonly SourceLine[]>): ReadonlySet<string> {
  const units = (lines: readonly SourceLine[]) => lines.reduce((sum, line) => sum + line.quantity, 0);
  const ranked = [...bySku].sort(([a, one], [b, other]) => units(other) - units(one) || (a < b ? -1 : 1));
  return new Set(ranked.slice(0, Math.ceil(ranked.length / 20)).map(([sku]) => sku));
}

function tagsOf(name: string, vendor: string, bestSeller: boolean): Record<string, string> {
  const words = new Set(name.split(/[^A-Za-z]+/).map((word) => word.toLowerCase()));
  const named = (values: readonly string[]) => values.find((value) => words.has(value.toLowerCase()));
  const colour = named(colours);
  const material = named(materials);
  return {
    brand: vendor,
    ...(colour === undefined ? {} : { color: colour === 'Grey' ? 'Gray' : colour }),
    ...(material === undefined ? {} : { material }),
    ...(words.has('recycled') ? { eco: 'recycled' } : {}),
    ...(bestSeller ? { bestseller: 'yes' } : {}),
  };
}

export function groupBy<T>(values: readonly T[], keyOf: (value: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else group.push(value);
  }
  return groups;
}
