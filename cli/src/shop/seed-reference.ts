import type { ClientBase } from 'pg';
import { randomOf, stableId } from './random.ts';

/** Ids of the reference data that seeded products hang on. Shared with whatever is in the database by slug, name and code. */
export interface SeedReference {
  /** Leaf categories. */
  readonly categories: readonly string[];
  readonly vendors: readonly string[];
  /** Tag ids by name. */
  readonly tags: Readonly<Record<string, string>>;
  readonly warehouses: readonly string[];
}

const tree: Readonly<Record<string, readonly string[]>> = {
  Home: ['Lighting', 'Bedding', 'Rugs', 'Decor'],
  Kitchen: ['Cookware', 'Tableware', 'Small Appliances', 'Baking'],
  Garden: ['Plants', 'Planters', 'Garden Tools', 'Outdoor Furniture'],
  Sports: ['Running', 'Cycling', 'Camping', 'Fitness'],
  Toys: ['Puzzles', 'Building Sets', 'Dolls', 'Board Games'],
  Clothing: ['Shirts', 'Trousers', 'Shoes', 'Jackets'],
  Beauty: ['Skin Care', 'Hair Care', 'Fragrance', 'Bath'],
  Electronics: ['Audio', 'Cameras', 'Computers', 'Cables'],
};
const tagNames = ['brand', 'color', 'material', 'size', 'eco', 'season'];
const places = { EAST: 'Newark', CENTRAL: 'Joliet', SOUTH: 'Atlanta', WEST: 'Reno', NORTH: 'Duluth', COAST: 'Oakland' };
const vendorCount = 200;

/** Makes what is missing and answers the ids. `vendorName` names the n-th vendor. */
export async function seedReference(
  client: ClientBase,
  seed: string,
  vendorName: (index: number) => string,
): Promise<SeedReference> {
  const slugs = Object.entries(tree).flatMap(([top, below]) => [
    { slug: slugOf(top), name: top, parent: null },
    ...below.map((name) => ({ slug: slugOf(name), name, parent: slugOf(top) })),
  ]);
  // Parents come before their children, and each statement sees those before it.
  for (const parentless of [true, false]) {
    await client.query(
      `insert into commerce.categories (parent_id, name, slug)
       select p.category_id, c.name, c.slug
       from json_to_recordset($1) as c (slug text, name text, parent text) left join commerce.categories p on p.slug = c.parent
       on conflict (tenant_id, slug) do nothing`,
      [JSON.stringify(slugs.filter(({ parent }) => (parent === null) === parentless))],
    );
  }
  await client.query(
    'insert into commerce.tags (name) select unnest($1::text[]) on conflict (tenant_id, name) do nothing',
    [tagNames],
  );
  await client.query(
    `insert into commerce.warehouses (code, name) select * from unnest($1::text[], $2::text[])
     on conflict (tenant_id, code) do nothing`,
    [Object.keys(places), Object.values(places)],
  );
  const vendors = Array.from({ length: vendorCount }, (_, index) => stableId(vendorsSince, seed, 'seed vendor', index));
  await client.query(
    `insert into commerce.vendors (vendor_id, name) select * from unnest($1::uuid[], $2::text[])
     on conflict (vendor_id) do nothing`,
    [vendors, vendors.map((_, index) => vendorName(index))],
  );
  const leaves = slugs.filter(({ parent }) => parent !== null).map(({ slug }) => slug);
  const tags = await idsBy(client, 'tags', 'tag_id', 'name', tagNames);
  const reference: SeedReference = {
    categories: Object.values(await idsBy(client, 'categories', 'category_id', 'slug', leaves)),
    vendors,
    tags,
    warehouses: Object.values(await idsBy(client, 'warehouses', 'warehouse_id', 'code', Object.keys(places))),
  };
  await priceRules(client, seed, reference);
  return reference;
}

const vendorsSince = Date.UTC(2022, 11, 1);

function slugOf(name: string): string {
  return `all-${name.toLowerCase().replaceAll(' ', '-')}`;
}

/** Ids by name, in the order of the names. */
async function idsBy(
  client: ClientBase,
  table: string,
  id: string,
  column: string,
  names: readonly string[],
): Promise<Record<string, string>> {
  const found = await client.query<{ name: string; id: string }>(
    `select ${column} as name, ${id} as id from commerce.${table} where ${column} = any($1)
     order by array_position($1, ${column}::text)`,
    [names],
  );
  return Object.fromEntries(found.rows.map((row) => [row.name, row.id]));
}

/** A dozen rules: on categories and vendors, some of them still to come, some switched off. */
async function priceRules(client: ClientBase, seed: string, reference: SeedReference): Promise<void> {
  for (let index = 0; index < 12; index += 1) {
    const random = randomOf(seed, 'seed rule', index);
    const onCategory = random.chance(0.5);
    await client.query(
      `insert into commerce.price_rules (rule_id, scope, scope_id, kind, value, priority, valid_from, valid_to, active)
       values ($1, $2, $3, $4, $5, $6, $7::timestamptz, $7::timestamptz + interval '120 days', $8)
       on conflict (rule_id) do nothing`,
      [
        stableId(vendorsSince, seed, 'seed rule', index),
        onCategory ? 'category' : 'vendor',
        random.pick(onCategory ? reference.categories : reference.vendors),
        random.pick(['percent', 'amount']),
        random.int(2, 15),
        index,
        new Date(Date.UTC(2026, random.int(0, 23), 1)).toISOString(),
        random.chance(0.8),
      ],
    );
  }
}
