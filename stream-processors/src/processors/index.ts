import type { AnyProcessor } from '../runtime/index.ts';
import { behaviour } from './behaviour/index.ts';
import { carts } from './carts/index.ts';
import { catalog } from './catalog/index.ts';
import { inventory } from './inventory/index.ts';
import { orders } from './orders/index.ts';
import { pricing } from './pricing/index.ts';
import { recommendations } from './recommendations/index.ts';
import { sales } from './sales/index.ts';

/** Every processor of this deployable. A new one is a folder and a line here. */
export const processors: readonly AnyProcessor[] = [
  inventory,
  pricing,
  orders,
  catalog,
  sales,
  carts,
  recommendations,
  behaviour,
];

export { behaviour, carts, catalog, inventory, orders, pricing, recommendations, sales };
