import { groupBy } from './catalog.ts';
import { randomOf, stableId } from './random.ts';
import { madeAt } from './rows.ts';
import type { Row, RowsByTable } from './rows.ts';
import type { SourceLine } from './source.ts';

export function customerId(line: SourceLine, joinedAt: number, seed: string): string {
  return stableId(joinedAt, seed, 'customer', line.customer);
}

/** When each customer of the source joined: the day of the first order, before any order of that day. */
export function joinedAtByCustomer(lines: readonly SourceLine[]): ReadonlyMap<string, number> {
  const joined = new Map<string, number>();
  for (const line of lines) {
    const known = joined.get(line.customer) ?? Infinity;
    joined.set(line.customer, Math.min(known, line.orderedOn));
  }
  return joined;
}

/** Customers with every address they had something sent to; the first one used is the default. */
export function customerRows(
  lines: readonly SourceLine[],
  joined: ReadonlyMap<string, number>,
  seed: string,
): RowsByTable {
  const customers: Row[] = [];
  const addresses: Row[] = [];
  const inOrder = [...lines].sort((one, other) => one.orderedOn - other.orderedOn || one.row - other.row);
  for (const group of groupBy(inOrder, (line) => line.customer).values()) {
    const first = group[0];
    if (first === undefined) continue;
    const at = joined.get(first.customer) ?? first.orderedOn;
    const id = customerId(first, at, seed);
    customers.push(customerRow(first, id, at, seed));
    const places = [...groupBy(group, (line) => `${line.city}/${line.state}/${line.postalCode}`)];
    addresses.push(...places.map(([key, used], index) => addressRow(key, used, id, index === 0, at, seed)));
  }
  return [
    ['customers', customers],
    ['addresses', addresses],
  ];
}

function customerRow(line: SourceLine, customer_id: string, at: number, seed: string): Row {
  const random = randomOf(seed, 'customer row', line.customer);
  const name = line.customerName.toLowerCase().replaceAll(/[^a-z]+/g, '.');
  return {
    customer_id,
    email: `${name}.${line.customer.toLowerCase()}@example.com`,
    name: line.customerName,
    phone: `+1-555-${String(random.int(0, 9999)).padStart(4, '0')}`,
    preferences: { segment: line.segment, newsletter: random.chance(0.4) },
    ...madeAt(at),
  };
}

function addressRow(
  key: string,
  used: readonly SourceLine[],
  customer_id: string,
  isDefault: boolean,
  at: number,
  seed: string,
): Row {
  const [first] = used;
  if (first === undefined) throw new RangeError('an address nobody used');
  return {
    customer_id,
    address_id: stableId(at, seed, 'address', first.customer, key),
    kind: 'shipping',
    ...addressOf(first, seed),
    is_default: isDefault,
    ...madeAt(at),
  };
}

/** Where the line was sent. The source has no streets: they are made up. */
export function addressOf(line: SourceLine, seed: string) {
  const random = randomOf(seed, 'street', line.customer, line.city, line.postalCode);
  const street = random.pick([
    'Main St',
    'Oak Ave',
    'Mill Rd',
    'Park Blvd',
    'Church St',
    'Lake Dr',
    'Hill Rd',
    '2nd Ave',
  ]);
  return {
    line1: `${random.int(1, 990)} ${street}`,
    city: line.city,
    region: line.state,
    postal_code: line.postalCode,
    country: line.country,
  };
}
