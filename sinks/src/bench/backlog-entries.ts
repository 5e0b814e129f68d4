import type { ProductView, StockMovementView, StockView, ViewEntry } from '@millrace/schemas/views';

const START_MS = Date.UTC(2026, 0, 1);
const TENANT = '00000000-0000-7000-8000-000000000001';
const at = (n: number): string => new Date(START_MS + n).toISOString();
const uuid = (kind: string, n: number): string => `00000000-0000-7000-${kind}-${n.toString(16).padStart(12, '0')}`;
const words = ['lamp', 'chair', 'table', 'mug', 'shelf', 'kettle', 'blanket', 'mirror', 'basket', 'clock'];
const word = (n: number): string => words[n % words.length] ?? '';

export const backlogKinds = ['product', 'stock', 'movement'] as const;
export type BacklogKind = (typeof backlogKinds)[number];

/** The n-th entry of a backlog: always the same, about as large as the demo shop's. */
export function backlogEntry(kind: BacklogKind, n: number): ViewEntry {
  const stamp = { lsn: BigInt(n + 1), tsUs: (START_MS + n) * 1000 };
  switch (kind) {
    case 'product':
      return { kind, id: uuid('8001', n), ...stamp, data: product(n) };
    case 'stock':
      return { kind, id: uuid('8001', n), ...stamp, data: stock(n) };
    case 'movement':
      return { kind, id: uuid('8005', n), ...stamp, data: movement(n) };
  }
}

function product(n: number): ProductView {
  const name = `${word(n)} ${word(n >> 3)} ${n}`;
  return {
    tenantId: TENANT,
    productId: uuid('8001', n),
    sku: `SKU-${n}`,
    name,
    description: `A ${name} for every home, in ${word(n + 1)} and ${word(n + 2)} style, made to last and easy to clean.`,
    status: 'active',
    categoryId: uuid('8002', n % 200),
    categoryPath: ['Home', `Rooms ${n % 20}`, `Things ${n % 200}`],
    vendorId: uuid('8003', n % 50),
    vendor: `Vendor ${n % 50}`,
    tags: [
      { tagId: uuid('8004', n % 30), name: 'color', value: `shade ${n % 30}` },
      { tagId: uuid('8004', 100 + (n % 10)), name: 'material', value: word(n) },
    ],
    images: [{ imageId: uuid('8006', n), url: `https://images.example/${n}.jpg`, alt: name }],
    attributes: { weight: n % 40, assembled: n % 2 === 0 },
    variants: [0, 1].map((variant) => ({
      variantId: uuid('8007', n * 2 + variant),
      sku: `SKU-${n}-${variant}`,
      name: `Size ${variant}`,
      attributes: { size: variant },
      amount: `${10 + (n % 90)}.90`,
      available: n % 50,
    })),
    price: { amount: `${10 + (n % 90)}.90`, currency: 'USD' },
    stock: { available: n % 50, status: n % 50 === 0 ? 'out_of_stock' : 'in_stock' },
    rating: { average: 4.2, count: n % 300 },
    createdAt: at(n),
    updatedAt: at(n),
  };
}

function stock(n: number): StockView {
  const level = { onHand: 40 + (n % 60), reserved: n % 5, available: 40 + (n % 60) - (n % 5) };
  return {
    tenantId: TENANT,
    productId: uuid('8001', n),
    ...level,
    status: 'in_stock',
    lowStockThreshold: 10,
    variants: [{ variantId: uuid('8007', n), ...level, warehouses: [{ warehouseId: uuid('8008', n % 3), ...level }] }],
  };
}

function movement(n: number): StockMovementView {
  return {
    tenantId: TENANT,
    productId: uuid('8001', n % 10_000),
    movementId: uuid('8005', n),
    variantId: uuid('8007', n % 10_000),
    warehouseId: uuid('8008', n % 3),
    delta: (n % 7) - 3,
    kind: 'sale',
    orderId: uuid('8009', n % 5_000),
    at: at(n),
  };
}
