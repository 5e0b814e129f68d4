import { openedAt } from './catalog.ts';
import type { ShopProduct, ShopVariant } from './catalog.ts';
import { moneyText } from './money.ts';
import { randomOf, stableId } from './random.ts';
import type { Random } from './random.ts';
import type { ReferenceIds } from './reference-rows.ts';
import { madeAt, timeText } from './rows.ts';
import type { Row, RowsByTable } from './rows.ts';
import { warehouses } from './vocabulary.ts';

/** Units the source sold, by `<variant id>/<region>`. */
export type UnitsSold = ReadonlyMap<string, number>;

const day = 86_400_000;

/** The rows of some products' aggregates, stock and prices included, in the order they may be inserted. */
export function productRows(
  products: readonly ShopProduct[],
  ids: ReferenceIds,
  sold: UnitsSold,
  seed: string,
): RowsByTable {
  const stock = products.map((product) => stockRows(product, ids, sold, seed));
  return [
    ['products', products.map((product) => productRow(product, ids, seed))],
    // A product's only variant is its default one, which comes by itself at commit.
    [
      'product_variants',
      products
        .filter((product) => product.variants.length > 1)
        .flatMap((product) => product.variants.map((variant) => variantRow(product, variant))),
    ],
    ['product_images', products.map((product) => imageRow(product, seed))],
    ['product_tags', products.flatMap((product) => tagRows(product, ids))],
    ['prices', products.flatMap((product) => priceRows(product, seed))],
    ['inventory', stock.flatMap((rows) => rows.inventory)],
    ['stock_movements', stock.flatMap((rows) => rows.movements)],
  ];
}

function productRow(product: ShopProduct, ids: ReferenceIds, seed: string): Row {
  const random = randomOf(seed, 'product row', product.sku);
  const size = () => random.int(2, 120);
  return {
    product_id: product.productId,
    sku: product.sku,
    name: product.name,
    description: describe(product),
    status: 'active',
    category_id: ids.category(product.subCategory),
    vendor_id: ids.vendor(product.vendor),
    base_price: moneyText(product.variants[0]?.listCents ?? 0),
    currency: 'USD',
    weight: (random.int(5, 2500) / 100).toFixed(3),
    attributes: { ...product.tags, department: product.category },
    dimensions: { lengthCm: size(), widthCm: size(), heightCm: size() },
    ...madeAt(product.createdAt),
  };
}

function describe(product: ShopProduct): string {
  const { color, material, eco } = product.tags;
  const made = [eco, color?.toLowerCase(), material?.toLowerCase()].filter((word) => word !== undefined).join(', ');
  const detail = made === '' ? '' : ` It is ${made}.`;
  return `${product.name}, from ${product.vendor}: ${product.subCategory.toLowerCase()} for ${product.category.toLowerCase()}.${detail}`;
}

function variantRow(product: ShopProduct, variant: ShopVariant): Row {
  return {
    product_id: product.productId,
    variant_id: variant.variantId,
    sku: variant.sku,
    name: variant.name,
    attributes: { model: variant.name },
    ...madeAt(product.createdAt),
  };
}

function imageRow(product: ShopProduct, seed: string): Row {
  return {
    product_id: product.productId,
    image_id: stableId(product.createdAt, seed, 'image', product.sku),
    url: `/images/${product.sku}.svg`,
    alt: product.name,
    position: 0,
    ...madeAt(product.createdAt),
  };
}

function tagRows(product: ShopProduct, ids: ReferenceIds): readonly Row[] {
  return Object.entries(product.tags).map(([name, value]) => ({
    product_id: product.productId,
    tag_id: ids.tag(name),
    value,
    ...madeAt(product.createdAt),
  }));
}

/** Other variants' own prices; for some products a new list price after the source's years, or a sale still to come. */
function priceRows(product: ShopProduct, seed: string): readonly Row[] {
  const random = randomOf(seed, 'prices', product.sku);
  const base = product.variants[0]?.listCents ?? 0;
  const rows: Row[] = product.variants
    .slice(1)
    .map((variant) =>
      priceRow(product, seed, variant.sku, variant.variantId, variant.listCents, openedAt, null, 'list'),
    );
  const share = (percent: number) => Math.max(1, Math.round((base * percent) / 100));
  if (random.chance(0.2)) {
    const from = Date.UTC(2018, random.int(0, 11), random.int(1, 28));
    rows.push(priceRow(product, seed, 'new', null, share(random.int(90, 115)), from, null, 'new list price'));
  }
  if (random.chance(0.12)) {
    const from = Date.UTC(2026, 0, 1) + random.int(0, 3 * 365) * day + 12 * 3_600_000;
    rows.push(priceRow(product, seed, 'sale', null, share(random.int(60, 90)), from, from + 14 * day, 'sale'));
  }
  return rows;
}

function priceRow(
  product: ShopProduct,
  seed: string,
  key: string,
  variant: string | null,
  cents: number,
  from: number,
  to: number | null,
  reason: string,
): Row {
  return {
    product_id: product.productId,
    price_id: stableId(openedAt, seed, 'price', product.sku, key),
    variant_id: variant,
    amount: moneyText(cents),
    currency: 'USD',
    valid_from: timeText(from),
    valid_to: to === null ? null : timeText(to),
    reason,
    ...madeAt(product.createdAt),
  };
}

/** Opening stock: all that the source goes on to sell from that warehouse, and what shall be left in the end. */
function stockRows(product: ShopProduct, ids: ReferenceIds, sold: UnitsSold, seed: string) {
  const inventory: Row[] = [];
  const movements: Row[] = [];
  const random = randomOf(seed, 'stock', product.sku);
  const soldOut = random.chance(0.05);
  for (const variant of product.variants) {
    const home = random.pick(warehouses).region;
    for (const { region } of warehouses) {
      const units = sold.get(`${variant.variantId}/${region}`) ?? 0;
      if (units === 0 && region !== home) continue;
      const quantity = units + (soldOut ? 0 : finalLevel(random));
      const place = {
        product_id: product.productId,
        variant_id: variant.variantId,
        warehouse_id: ids.warehouse(region),
      };
      inventory.push({ ...place, quantity, low_stock_threshold: 10, ...madeAt(product.createdAt) });
      if (quantity === 0) continue;
      const movement_id = stableId(product.createdAt, seed, 'opening', variant.sku, region);
      movements.push({ ...place, movement_id, delta: quantity, kind: 'opening', ...madeAt(product.createdAt) });
    }
  }
  return { inventory, movements };
}

function finalLevel(random: Random): number {
  return random.chance(0.15) ? random.int(0, 9) : random.int(10, 120);
}
