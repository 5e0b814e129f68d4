/** Words by which the source's product names are read. */

export const colours = [
  'Black', 'White', 'Red', 'Blue', 'Green', 'Gray', 'Grey', 'Brown', 'Cherry', 'Oak', 'Mahogany', 'Walnut', 'Maple',
  'Clear', 'Ivory', 'Beige', 'Silver', 'Gold', 'Burgundy', 'Navy', 'Charcoal', 'Putty', 'Purple', 'Pink', 'Yellow',
] as const; // prettier-ignore

export const materials = [
  'Wood', 'Plastic', 'Metal', 'Steel', 'Leather', 'Vinyl', 'Fabric', 'Glass', 'Chrome', 'Aluminum', 'Laminate',
  'Poly', 'Cotton', 'Cork', 'Acrylic', 'Mesh', 'Rubber', 'Bamboo',
] as const; // prettier-ignore

/** First words of product names that are no brand. */
export const noBrands: ReadonlySet<string> = new Set([
  'office', 'executive', 'recycled', 'wirebound', 'personal', 'self-adhesive', 'easy-staple', 'white', 'black', 'staples',
  'important', 'while', 'message', 'multi-use', 'standard', 'premium', 'plastic', 'color', 'colored', 'adjustable', 'blue',
  'computer', 'multimedia', 'rediform', 'telephone', 'round', 'perma', 'heavy-duty', 'high', 'eureka', 'ultra', '2300', 'home',
]); // prettier-ignore

/** Who sells what bears no known brand. */
export const distributors = [
  'Northgate Supply', 'Harbour & Hale', 'Kestrel Trading', 'Old Mill Wholesale', 'Brightwater Goods', 'Fieldstone Partners',
  'Lakeshore Office', 'Summit Distribution',
] as const; // prettier-ignore

/** Where each of the source's regions ships from. */
export const warehouses = [
  { code: 'EAST', name: 'Newark', region: 'East' },
  { code: 'CENTRAL', name: 'Joliet', region: 'Central' },
  { code: 'SOUTH', name: 'Atlanta', region: 'South' },
  { code: 'WEST', name: 'Reno', region: 'West' },
] as const;

/** Hours from shipping to delivery, and who carries it. */
export const shipModes: Readonly<Record<string, { readonly transitHours: number; readonly carrier: string }>> = {
  'Same Day': { transitHours: 3, carrier: 'City Courier' },
  'First Class': { transitHours: 26, carrier: 'Swift Air' },
  'Second Class': { transitHours: 50, carrier: 'Meridian Freight' },
  'Standard Class': { transitHours: 98, carrier: 'Overland Post' },
};
