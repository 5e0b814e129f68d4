import { faker } from '@faker-js/faker/locale/en';
import { moneyText } from './money.ts';
import { randomOf, uuidAt } from './random.ts';
import type { Random } from './random.ts';
import type { Cell } from './copy-rows.ts';
import { timeText } from './rows.ts';
import type { SeedReference } from './seed-reference.ts';
import { colours, materials } from './vocabulary.ts';

/** What an order needs to know of a seeded product. */
export interface SeedProduct {
  readonly productId: string;
  readonly vendorId: string;
  readonly name: string;
  readonly priceCents: number;
  readonly variantIds: readonly string[];
}

const made = ['created_at', 'updated_at'];
/** Columns by table, in the order in which the tables are filled. */
export const productColumns = {
  products: ['product_id', 'sku', 'name', 'description', 'category_id', 'vendor_id', 'base_price', 'weight', 'attributes', ...made],
  product_variants: ['product_id', 'variant_id', 'sku', 'name', 'attributes', ...made],
  product_images: ['product_id', 'image_id', 'url', 'alt', ...made],
  product_tags: ['product_id', 'tag_id', 'value', ...made],
  prices: ['product_id', 'price_id', 'amount', 'valid_from', 'valid_to', 'reason', ...made],
  inventory: ['product_id', 'variant_id', 'warehouse_id', 'quantity', 'low_stock_threshold', ...made],
  stock_movements: ['product_id', 'movement_id', 'variant_id', 'warehouse_id', 'delta', 'kind', ...made],
} as const; // prettier-ignore

export type ProductTables = Record<keyof typeof productColumns, Cell[][]>;

const start = Date.UTC(2023, 0, 1);
const day = 86_400_000;

/** A short text that keeps one seed's skus, order numbers and addresses apart from another's. */
export function seedTag(seed: string): string {
  return randomOf(seed, 'tag').uint32().toString(36).toUpperCase();
}

interface Drawn extends SeedProduct {
  readonly random: Random;
  readonly createdAt: number;
  readonly material: string;
  readonly options: readonly string[];
}

/** The index-th product of a seed: always the same, with no memory of the others. */
export function seedProduct(seed: string, index: number, vendors: readonly string[]): SeedProduct {
  const { productId, vendorId, name, priceCents, variantIds } = draw(seed, index, vendors);
  return { productId, vendorId, name, priceCents, variantIds };
}

function draw(seed: string, index: number, vendors: readonly string[]): Drawn {
  const random = randomOf(seed, 'seed product', index);
  faker.seed(random.uint32());
  const createdAt = start + random.int(0, 300) * day + random.int(0, 86_399) * 1000;
  const productId = uuidAt(random, createdAt);
  const options = random.chance(0.3) ? colours.slice(random.int(0, 8)).slice(0, random.int(2, 4)) : [];
  return {
    random,
    createdAt,
    productId,
    vendorId: random.pick(vendors),
    name: `${faker.commerce.productName()} ${faker.word.noun()}`,
    // From 2 to some 500, most of them cheap.
    priceCents: 199 + Math.round(Math.exp(random.next() * 6.2) * 100),
    variantIds: options.length === 0 ? [productId] : options.map(() => uuidAt(random, createdAt)),
    material: random.pick(materials),
    options,
  };
}

/** Adds all rows of the index-th product. */
export function addProduct(to: ProductTables, seed: string, index: number, reference: SeedReference): void {
  const product = draw(seed, index, reference.vendors);
  const { random, productId, name, material, options, createdAt } = product;
  const at = timeText(createdAt);
  const sku = `S${seedTag(seed)}-${String(index).padStart(7, '0')}`;
  const attributes = { material, department: faker.commerce.department() };
  const category = random.pick(reference.categories);
  const weight = random.int(50, 20_000) / 1000;
  const description = faker.commerce.productDescription();
  to.products.push([productId, sku, name, description, category, product.vendorId, moneyText(product.priceCents), weight,
    JSON.stringify(attributes), at, at]); // prettier-ignore
  product.variantIds.forEach((variantId, place) => {
    const option = options[place];
    const named =
      option === undefined
        ? [sku, name, '{}']
        : [`${sku}-${place + 1}`, `${name}, ${option}`, JSON.stringify({ color: option })];
    to.product_variants.push([productId, variantId, ...named, at, at]);
    addStock(to, product, variantId, at, reference);
  });
  to.product_images.push([productId, uuidAt(random, createdAt), `/images/${sku}.svg`, name, at, at]);
  addTags(to, product, at, reference);
  addPrices(to, product, at);
}

function addStock(
  to: ProductTables,
  product: Drawn,
  variantId: string,
  at: string,
  { warehouses }: SeedReference,
): void {
  const { random, productId, createdAt } = product;
  const first = random.int(0, warehouses.length - 1);
  const places = random.int(1, 3);
  for (let step = 0; step < places; step += 1) {
    const warehouse = warehouses[(first + step) % warehouses.length] ?? null;
    const quantity = random.chance(0.08) ? 0 : random.chance(0.15) ? random.int(1, 9) : random.int(10, 500);
    to.inventory.push([productId, variantId, warehouse, quantity, 10, at, at]);
    if (quantity > 0) {
      to.stock_movements.push([
        productId,
        uuidAt(random, createdAt),
        variantId,
        warehouse,
        quantity,
        'opening',
        at,
        at,
      ]);
    }
  }
}

function addTags(
  to: ProductTables,
  { random, productId, material, options }: Drawn,
  at: string,
  { tags }: SeedReference,
): void {
  const values: Record<string, string | undefined> = {
    material,
    color: options[0] ?? random.pick(colours),
    size: random.chance(0.5) ? random.pick(['S', 'M', 'L', 'XL']) : undefined,
    eco: random.chance(0.2) ? random.pick(['recycled', 'organic', 'fair trade']) : undefined,
    season: random.chance(0.2) ? random.pick(['spring', 'summer', 'autumn', 'winter']) : undefined,
  };
  for (const [name, value] of Object.entries(values)) {
    const tag = tags[name];
    if (value !== undefined && tag !== undefined) to.product_tags.push([productId, tag, value, at, at]);
  }
}

function addPrices(to: ProductTables, { random, productId, priceCents, createdAt }: Drawn, at: string): void {
  const share = (percent: number) => moneyText(Math.max(1, Math.round((priceCents * percent) / 100)));
  const add = (amount: string, from: number, days: number | null, reason: string) =>
    to.prices.push([productId, uuidAt(random, createdAt), amount, timeText(from),
      days === null ? null : timeText(from + days * day), reason, at, at]); // prettier-ignore
  if (random.chance(0.15)) add(share(random.int(85, 120)), start + random.int(320, 900) * day, null, 'new list price');
  if (random.chance(0.15)) add(share(random.int(60, 90)), Date.UTC(2026, 0, 1) + random.int(0, 900) * day, 14, 'sale');
}
