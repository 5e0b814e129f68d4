import { clickhouseGenerationViews, viewNames } from '@millrace/schemas/stores';
import type { ClickhouseNames, GenerationOf, GenerationView, ViewName } from '@millrace/schemas/stores';

const position = "leftPad(toString(version), 20, '0') AS position";

/** The newest version of each row that is not deleted. */
const present = (table: string): string => `FROM ${table} FINAL`;
const alive = 'WHERE deleted = 0';

/** The `v_*` views that belong to one generation of these views: `v_products_g2` and so on. */
export function generationViewStatements(names: ClickhouseNames, views: readonly ViewName[]): string[] {
  const { tables } = names;
  const statements: string[] = [];
  const view = (name: GenerationView, select: string): void => {
    if (!views.includes(clickhouseGenerationViews[name])) return;
    statements.push(`CREATE OR REPLACE VIEW ${names.generationView(name)} AS ${select}`);
  };
  view(
    'products',
    `SELECT id AS product_id, tenant_id, sku, name, category_path[-1] AS category, category_id, category_path, vendor, vendor_id, status,
       tag_names, tag_values, price, currency, available, stock_status, rating_average, rating_count, created_at, updated_at,
       ${position}, committed_at
     ${present(tables.products)} ${alive}`,
  );
  view(
    'inventory',
    `SELECT id AS product_id, tenant_id, level_variant AS variant_id, level_warehouse AS warehouse_id, level_quantity AS on_hand,
       level_held AS reserved, level_free AS available, ${position}, committed_at
     ${present(tables.stock)}
     ARRAY JOIN level_variants AS level_variant, level_warehouses AS level_warehouse, level_on_hand AS level_quantity,
       level_reserved AS level_held, level_available AS level_free
     ${alive}`,
  );
  view(
    'prices',
    `SELECT id AS product_id, tenant_id, variant_id, variant_amount AS amount, variant_currency AS currency, variant_reason AS reason,
       from_time AS valid_from, until_time AS valid_until, ${position}, committed_at
     ${present(tables.prices)}
     ARRAY JOIN variant_ids AS variant_id, variant_amounts AS variant_amount, variant_currencies AS variant_currency,
       variant_reasons AS variant_reason, variant_valid_from AS from_time, variant_valid_until AS until_time
     ${alive}`,
  );
  view(
    'orders',
    `SELECT id AS order_id, tenant_id, order_number, customer_key, status, currency, subtotal, discount_amount, tax_amount,
       shipping_amount, total_amount, length(item_ids) AS item_count, placed_at, flags, ${position}, committed_at
     ${present(tables.orders)} ${alive}`,
  );
  view(
    'orderItems',
    `SELECT id AS order_id, tenant_id, item_id, product_id, variant_id, vendor_id, name, quantity, unit_price, total_price, currency,
       status, placed_at, ${position}, committed_at
     ${present(tables.orders)}
     ARRAY JOIN item_ids AS item_id, item_products AS product_id, item_variants AS variant_id, item_vendors AS vendor_id,
       item_names AS name, item_quantities AS quantity, item_unit_prices AS unit_price, item_total_prices AS total_price
     ${alive}`,
  );
  view(
    'stockMovements',
    `SELECT product_id, movement_id, tenant_id, variant_id, warehouse_id, delta, kind, order_id, at, ${position}, committed_at
     ${present(tables.movements)} ${alive}`,
  );
  view(
    'stockEvents',
    `SELECT product_id, name, tenant_id, status, previous_status, available, unexplained, at, ${position}, committed_at
     ${present(tables.stockEvents)} ${alive}`,
  );
  view(
    'priceChanges',
    `SELECT product_id, variant_id, tenant_id, amount, previous_amount, currency, reason, at, ${position}, committed_at
     ${present(tables.priceChanges)} ${alive}`,
  );
  view(
    'saleDeltas',
    `SELECT order_id, item_id, tenant_id, product_id, variant_id, category_id, category, vendor_id, vendor, customer_key, currency, reason,
       lines, quantity, amount, placed_at, at, ${position}, committed_at
     ${present(tables.saleDeltas)} ${alive}`,
  );
  view(
    'carts',
    `SELECT id AS cart_id, tenant_id, customer_key, status, abandoned_at IS NOT NULL AS abandoned, length(item_products) AS item_count, units,
       item_products, item_variants, item_quantities, created_at, last_activity_at, abandoned_at, ${position}, committed_at
     ${present(tables.carts)} ${alive}`,
  );
  view(
    'recommendations',
    `SELECT id AS product_id, tenant_id, rank, recommended_id, score, orders, as_of, ${position}, committed_at
     ${present(tables.recommendations)}
     ARRAY JOIN arrayEnumerate(item_products) AS rank, item_products AS recommended_id, item_scores AS score, item_orders AS orders
     ${alive}`,
  );
  view(
    'sessions',
    `SELECT session_id, tenant_id, started_at, last_at, views, searches, cart_adds, checkouts, purchases, ${position}, committed_at
     ${present(tables.sessions)} ${alive}`,
  );
  view(
    'lateBehaviour',
    `SELECT session_id, event_id, tenant_id, kind, product_id, at, ${position}, committed_at
     ${present(tables.lateBehaviour)} ${alive}`,
  );
  return statements;
}

/**
 * The `v_*` views that readers use, showing the generations of `names`: safe to query and to sum as they are.
 *
 * Sales are sums of the deltas: every line of every order that is not cancelled, at the line's total price, in the order's currency; day and 5
 * minutes are of `placed_at` in UTC; category (the product's own, not its ancestors) and vendor are those that the product had when the line
 * was sold, '' where it had none. `units` and `revenue` add up over any rows; `orders` counts an order once in each row it has lines in, so
 * over several categories or vendors it counts orders by part.
 *
 * The funnel counts sessions, by the day (UTC) on which they began. Each step counts those that took it or a later one: who buys from a link
 * straight to the checkout has been there, so no step has more than the one before. A session is in one day, so days add up.
 */
export function viewStatements(names: ClickhouseNames, active: GenerationOf): string[] {
  const view = (name: Parameters<ClickhouseNames['view']>[0], select: string): string =>
    `CREATE OR REPLACE VIEW ${names.view(name)} AS ${select}`;
  const generations = viewNames.map((name) => `('${name}', ${active(name)})`).join(', ');
  const shown = Object.keys(clickhouseGenerationViews) as GenerationView[];
  return [
    ...shown.map((name) => view(name, `SELECT * FROM ${names.generationView(name)}`)),
    view(
      'funnelDaily',
      `SELECT toDate(started_at, 'UTC') AS day, count() AS sessions, countIf(views + cart_adds + checkouts + purchases > 0) AS viewed,
         countIf(cart_adds + checkouts + purchases > 0) AS added_to_cart, countIf(checkouts + purchases > 0) AS checked_out,
         countIf(purchases > 0) AS purchased
       FROM ${names.view('sessions')} GROUP BY day`,
    ),
    view('salesByDay', sales(names, "toDate(placed_at, 'UTC')", 'day')),
    view('sales5m', sales(names, "toStartOfFiveMinutes(toDateTime(placed_at, 'UTC'))", 'window_start')),
    view(
      'freshness',
      `SELECT view, generation, partition, leftPad(toString(max(lsn)), 20, '0') AS position, max(stream_time) AS committed_at,
         dateDiff('millisecond', max(stream_time), now64(3, 'UTC')) AS age_ms
       FROM ${names.tables.watermarks} WHERE (view, generation) IN (${generations}) GROUP BY view, generation, partition`,
    ),
  ];
}

function sales(names: ClickhouseNames, bucket: string, name: string): string {
  return `SELECT sold.bucket AS ${name}, sold.category AS category, sold.vendor AS vendor, sold.currency AS currency,
      count() AS orders, sum(sold.order_units) AS units, sum(sold.order_revenue) AS revenue
    FROM (
      SELECT ${bucket} AS bucket, category, vendor, currency, order_id, sum(quantity) AS order_units, sum(amount) AS order_revenue
      FROM ${names.view('saleDeltas')} GROUP BY bucket, category, vendor, currency, order_id HAVING sum(lines) > 0
    ) AS sold
    GROUP BY sold.bucket, sold.category, sold.vendor, sold.currency`;
}
