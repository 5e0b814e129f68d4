-- The order aggregate. Amounts cannot contradict each other: an order's total is its parts, a line's total is its
-- quantity times its unit price less the line's discount. Which status may follow which is the order processor's to flag.

create sequence commerce.order_numbers;

create table commerce.orders (
  order_id         uuid primary key default uuidv7(),
  order_number     varchar(50) not null default 'M' || lpad(nextval('commerce.order_numbers')::text, 10, '0') unique,
  customer_id      uuid references commerce.customers (customer_id),
  status           varchar(20) not null default 'pending',
  currency         varchar(3) not null default 'USD'
                   check (currency in ('USD', 'EUR', 'GBP', 'CHF', 'CAD', 'AUD', 'JPY', 'SEK', 'NOK', 'DKK', 'PLN')),
  subtotal         numeric(12,2) not null default 0 check (subtotal >= 0),
  discount_amount  numeric(12,2) not null default 0 check (discount_amount >= 0 and discount_amount <= subtotal),
  tax_amount       numeric(12,2) not null default 0 check (tax_amount >= 0),
  shipping_amount  numeric(12,2) not null default 0 check (shipping_amount >= 0),
  total_amount     numeric(12,2) not null,
  shipping_address jsonb check (jsonb_typeof(shipping_address) = 'object'),
  placed_at        timestamptz not null default now(),
  version          bigint not null default 1,
  tenant_id        uuid not null default '00000000-0000-7000-8000-000000000001',
  created_at       timestamptz not null default now(),
  updated_at       timestamptz not null default now(),
  constraint orders_status_known check
    (status in ('pending', 'confirmed', 'paid', 'fulfilling', 'shipped', 'delivered', 'cancelled', 'returned', 'refunded')),
  constraint orders_total_consistent check (total_amount = subtotal - discount_amount + tax_amount + shipping_amount)
) with (fillfactor = 85);
create index orders_of_customer on commerce.orders (customer_id, placed_at desc);

create table commerce.order_items (
  order_id        uuid not null references commerce.orders (order_id) on delete cascade,
  item_id         uuid not null default uuidv7(),
  product_id      uuid not null,
  variant_id      uuid not null,
  vendor_id       uuid,
  name            varchar(500) not null,
  quantity        integer not null check (quantity > 0),
  unit_price      numeric(12,2) not null check (unit_price >= 0),
  discount_amount numeric(12,2) not null default 0 check (discount_amount >= 0),
  total_price     numeric(12,2) not null check (total_price >= 0),
  tenant_id       uuid not null default '00000000-0000-7000-8000-000000000001',
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  primary key (order_id, item_id),
  constraint order_items_total_consistent check (total_price = quantity * unit_price - discount_amount),
  constraint order_items_variant_exists foreign key (product_id, variant_id)
    references commerce.product_variants (product_id, variant_id) deferrable initially deferred
);
create index order_items_variant on commerce.order_items (product_id, variant_id);

-- txid is the transaction that wrote the row; record_status_change looks for its own.
create table commerce.order_status_history (
  order_id    uuid not null references commerce.orders (order_id) on delete cascade,
  history_id  uuid not null default uuidv7(),
  from_status varchar(20),
  to_status   varchar(20) not null,
  at          timestamptz not null default now(),
  reason      varchar(500),
  txid        xid8 not null default pg_current_xact_id(),
  tenant_id   uuid not null default '00000000-0000-7000-8000-000000000001',
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  primary key (order_id, history_id),
  constraint order_status_history_status_known check
    (to_status in ('pending', 'confirmed', 'paid', 'fulfilling', 'shipped', 'delivered', 'cancelled', 'returned', 'refunded')
     and from_status in ('pending', 'confirmed', 'paid', 'fulfilling', 'shipped', 'delivered', 'cancelled', 'returned', 'refunded'))
);

create table commerce.payments (
  order_id     uuid not null references commerce.orders (order_id) on delete cascade,
  payment_id   uuid not null default uuidv7(),
  provider     varchar(50) not null,
  provider_ref varchar(200),
  status       varchar(20) not null default 'initiated' check (status in ('initiated', 'completed', 'failed', 'refunded')),
  amount       numeric(12,2) not null check (amount >= 0),
  currency     varchar(3) not null default 'USD'
               check (currency in ('USD', 'EUR', 'GBP', 'CHF', 'CAD', 'AUD', 'JPY', 'SEK', 'NOK', 'DKK', 'PLN')),
  tenant_id    uuid not null default '00000000-0000-7000-8000-000000000001',
  created_at   timestamptz not null default now(),
  updated_at   timestamptz not null default now(),
  primary key (order_id, payment_id)
);
create unique index payments_provider_ref_unique on commerce.payments (tenant_id, provider, provider_ref) where provider_ref is not null;

create table commerce.shipments (
  order_id     uuid not null references commerce.orders (order_id) on delete cascade,
  shipment_id  uuid not null default uuidv7(),
  status       varchar(20) not null default 'pending'
               check (status in ('pending', 'shipped', 'in_transit', 'delivered', 'failed', 'returned', 'cancelled')),
  carrier      varchar(100),
  tracking     varchar(200),
  shipped_at   timestamptz,
  delivered_at timestamptz,
  tenant_id    uuid not null default '00000000-0000-7000-8000-000000000001',
  created_at   timestamptz not null default now(),
  updated_at   timestamptz not null default now(),
  primary key (order_id, shipment_id),
  constraint shipments_period check (delivered_at >= shipped_at)
);

create table commerce.returns (
  order_id   uuid not null references commerce.orders (order_id) on delete cascade,
  return_id  uuid not null default uuidv7(),
  status     varchar(20) not null default 'requested'
             check (status in ('requested', 'approved', 'received', 'rejected', 'refunded')),
  reason     varchar(500),
  items      jsonb not null default '[]' check (jsonb_typeof(items) = 'array'),
  tenant_id  uuid not null default '00000000-0000-7000-8000-000000000001',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (order_id, return_id)
);

create table commerce.refunds (
  order_id   uuid not null references commerce.orders (order_id) on delete cascade,
  refund_id  uuid not null default uuidv7(),
  payment_id uuid,
  return_id  uuid,
  status     varchar(20) not null default 'initiated' check (status in ('initiated', 'completed', 'failed')),
  amount     numeric(12,2) not null check (amount > 0),
  currency   varchar(3) not null default 'USD'
             check (currency in ('USD', 'EUR', 'GBP', 'CHF', 'CAD', 'AUD', 'JPY', 'SEK', 'NOK', 'DKK', 'PLN')),
  reason     varchar(500),
  tenant_id  uuid not null default '00000000-0000-7000-8000-000000000001',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (order_id, refund_id),
  constraint refunds_payment_exists foreign key (order_id, payment_id) references commerce.payments (order_id, payment_id),
  constraint refunds_return_exists foreign key (order_id, return_id) references commerce.returns (order_id, return_id)
);

create trigger touch before update on commerce.orders for each row execute function commerce.touch_versioned_row();
create trigger touch before update on commerce.order_items for each row execute function commerce.touch_row();
create trigger touch before update on commerce.order_status_history for each row execute function commerce.touch_row();
create trigger touch before update on commerce.payments for each row execute function commerce.touch_row();
create trigger touch before update on commerce.shipments for each row execute function commerce.touch_row();
create trigger touch before update on commerce.returns for each row execute function commerce.touch_row();
create trigger touch before update on commerce.refunds for each row execute function commerce.touch_row();

create function commerce.fill_order_total() returns trigger language plpgsql as $$
begin
  new.total_amount := new.subtotal - new.discount_amount + new.tax_amount + new.shipping_amount;
  return new;
end $$;
create trigger fill_total before insert on commerce.orders
  for each row when (new.total_amount is null) execute function commerce.fill_order_total();

-- What a line leaves out comes from its product, as it is now: name, vendor, variant. The line's total from its parts.
create function commerce.fill_order_item() returns trigger language plpgsql as $$
begin
  if new.name is null or new.vendor_id is null then
    select coalesce(new.name, p.name), coalesce(new.vendor_id, p.vendor_id) into new.name, new.vendor_id
    from commerce.products p where p.product_id = new.product_id;
    if not found then
      raise exception 'product % does not exist', new.product_id
        using errcode = 'foreign_key_violation', constraint = 'order_items_variant_exists', table = 'order_items', schema = 'commerce';
    end if;
  end if;
  if new.variant_id is null then
    new.variant_id := commerce.default_variant_of(new.product_id);
  end if;
  if new.total_price is null then
    new.total_price := new.quantity * new.unit_price - new.discount_amount;
  end if;
  return new;
end $$;
create trigger fill before insert on commerce.order_items
  for each row when (new.name is null or new.vendor_id is null or new.variant_id is null or new.total_price is null)
  execute function commerce.fill_order_item();

-- Each status an order takes is in its history: where the transaction itself wrote no row for the change, one is written at
-- commit. Several changes in one transaction each get theirs, in order.
create function commerce.record_status_change() returns trigger language plpgsql as $$
declare
  before_change varchar(20) := null;
  changed_at timestamptz := new.placed_at;
begin
  if tg_op = 'UPDATE' then
    before_change := old.status;
    changed_at := clock_timestamp();
  end if;
  insert into commerce.order_status_history (order_id, from_status, to_status, at, tenant_id)
  select o.order_id, before_change, new.status, changed_at, o.tenant_id
  from commerce.orders o
  where o.order_id = new.order_id
    and not exists (
      select from commerce.order_status_history h
      where h.order_id = new.order_id and h.to_status = new.status and h.txid = pg_current_xact_id());
  return null;
end $$;
create constraint trigger first_status after insert on commerce.orders
  deferrable initially deferred for each row execute function commerce.record_status_change();
create constraint trigger status_change after update on commerce.orders
  deferrable initially deferred for each row when (old.status is distinct from new.status)
  execute function commerce.record_status_change();
