-- The captured tables, by topic. The slot is made by the producer, together with its snapshot.

create publication millrace for table
  -- cdc.catalog
  commerce.products, commerce.product_variants, commerce.product_images, commerce.product_tags, commerce.prices,
  commerce.inventory, commerce.stock_movements, commerce.reservations, commerce.reviews,
  -- cdc.orders
  commerce.orders, commerce.order_items, commerce.order_status_history, commerce.payments, commerce.shipments,
  commerce.returns, commerce.refunds,
  -- cdc.customers
  commerce.customers, commerce.addresses,
  -- cdc.carts
  commerce.carts, commerce.cart_items,
  -- cdc.reference
  commerce.tenants, commerce.vendors, commerce.categories, commerce.tags, commerce.price_rules, commerce.warehouses,
  commerce.view_generations;
