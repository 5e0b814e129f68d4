import { faker } from '@faker-js/faker/locale/en';
import type { Cell } from './copy-rows.ts';
import { moneyText } from './money.ts';
import { randomOf, stableId, uuidAt } from './random.ts';
import type { Random } from './random.ts';
import { timeText } from './rows.ts';
import { seedTag } from './seed-products.ts';
import type { SeedProduct } from './seed-products.ts';
import { statusRoad } from './status-times.ts';

const made = ['created_at', 'updated_at'];
export const customerColumns = {
  customers: ['customer_id', 'email', 'name', 'phone', ...made],
  addresses: ['customer_id', 'address_id', 'line1', 'city', 'region', 'postal_code', 'country', 'is_default', ...made],
} as const;
export const orderColumns = {
  orders: ['order_id', 'order_number', 'customer_id', 'status', 'subtotal', 'tax_amount', 'shipping_amount', 'total_amount',
    'placed_at', ...made],
  order_items: ['order_id', 'item_id', 'product_id', 'variant_id', 'vendor_id', 'name', 'quantity', 'unit_price',
    'total_price', ...made],
  order_status_history: ['order_id', 'history_id', 'from_status', 'to_status', 'at', ...made],
  payments: ['order_id', 'payment_id', 'provider', 'status', 'amount', ...made],
} as const; // prettier-ignore

export type CustomerTables = Record<keyof typeof customerColumns, Cell[][]>;
export type OrderTables = Record<keyof typeof orderColumns, Cell[][]>;

const start = Date.UTC(2024, 0, 1);
/** A fixed pace, so that the index-th order is the same however many there are: 1,000,000 orders are some 14 months. */
const msBetweenOrders = 37_000;
const hour = 3_600_000;

export function seedCustomerId(seed: string, index: number): string {
  return stableId(start, seed, 'seed customer', index);
}

export function addCustomer(to: CustomerTables, seed: string, index: number): void {
  const random = randomOf(seed, 'seed customer row', index);
  faker.seed(random.uint32());
  const id = seedCustomerId(seed, index);
  const at = timeText(start);
  const [first, last] = [faker.person.firstName(), faker.person.lastName()];
  const mailbox = `${first}.${last}.${seedTag(seed)}${index}`.toLowerCase().replaceAll(/[^a-z0-9.]/g, '');
  const phone = `+1-555-${String(random.int(0, 9999)).padStart(4, '0')}`;
  to.customers.push([id, `${mailbox}@example.com`, `${first} ${last}`, phone, at, at]);
  to.addresses.push([id, uuidAt(random, start), faker.location.streetAddress(), faker.location.city(), faker.location.state(),
    faker.location.zipCode('#####'), 'United States', true, at, at]); // prettier-ignore
}

export interface OrderChoice {
  readonly customers: number;
  /** A product, by popularity. */
  product(random: Random): SeedProduct;
}

/** Adds all rows of the index-th order. Stock is as counted after these orders: they take nothing out of it. */
export function addOrder(to: OrderTables, seed: string, index: number, choice: OrderChoice): void {
  const random = randomOf(seed, 'seed order', index);
  const placedAt = start + index * msBetweenOrders;
  const at = timeText(placedAt);
  const orderId = uuidAt(random, placedAt);
  let subtotal = 0;
  const lines = random.chance(0.45) ? 1 : random.int(2, 4);
  for (let line = 0; line < lines; line += 1) {
    const product = choice.product(random);
    const quantity = random.chance(0.7) ? 1 : random.int(2, 5);
    const total = quantity * product.priceCents;
    subtotal += total;
    to.order_items.push([orderId, uuidAt(random, placedAt), product.productId, random.pick(product.variantIds),
      product.vendorId, product.name, quantity, moneyText(product.priceCents), moneyText(total), at, at]); // prettier-ignore
  }
  const tax = Math.round(subtotal * 0.07);
  const shipping = subtotal > 5000 ? 0 : 490;
  const road = roadOf(random);
  const changedAt = addHistory(to, random, orderId, placedAt, road);
  const total = moneyText(subtotal + tax + shipping);
  to.orders.push([orderId, `S${seedTag(seed)}-${String(index).padStart(8, '0')}`,
    seedCustomerId(seed, random.int(0, choice.customers - 1)), road.at(-1) ?? 'pending', moneyText(subtotal), moneyText(tax),
    moneyText(shipping), total, at, at, timeText(changedAt)]); // prettier-ignore
  if (road.includes('paid')) {
    const provider = random.pick(['card', 'wallet', 'invoice']);
    to.payments.push([orderId, uuidAt(random, placedAt), provider, 'completed', total, at, at]);
  }
}

/** Nine in ten are delivered; some were cancelled before payment, some are still on their way. */
function roadOf(random: Random): readonly string[] {
  const draw = random.next();
  if (draw < 0.9) return statusRoad;
  return draw < 0.94 ? ['pending', 'confirmed', 'cancelled'] : statusRoad.slice(0, random.int(1, 5));
}

/** Hours from one status to the next, at most. */
const hoursBetween = [0, 1, 2, 24, 30, 120];

function addHistory(
  to: OrderTables,
  random: Random,
  orderId: string,
  placedAt: number,
  road: readonly string[],
): number {
  let changedAt = placedAt;
  road.forEach((status, step) => {
    changedAt += step === 0 ? 0 : 60_000 + random.int(0, (hoursBetween[step] ?? 1) * hour);
    const at = timeText(changedAt);
    to.order_status_history.push([orderId, uuidAt(random, changedAt), road[step - 1] ?? null, status, at, at, at]);
  });
  return changedAt;
}
