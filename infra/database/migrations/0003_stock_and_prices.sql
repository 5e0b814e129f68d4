-- Stock and prices: rows of the product aggregate that change most.
-- Foreign keys to product_variants are deferred: the default variant comes into being at commit.

create table commerce.warehouses (
  warehouse_id uuid primary key default uuidv7(),
  code         varchar(50) not null check (code <> ''),
  name         varchar(200) not null,
  tenant_id    uuid not null default '00000000-0000-7000-8000-000000000001',
  created_at   timestamptz not null default now(),
  updated_at   timestamptz not null default now(),
  constraint warehouses_code_unique unique (tenant_id, code)
);

create table commerce.inventory (
  product_id            uuid not null references commerce.products (product_id) on delete cascade,
  variant_id            uuid not null,
  warehouse_id          uuid not null references commerce.warehouses (warehouse_id),
  quantity              integer not null default 0,
  reserved              integer not null default 0,
  low_stock_threshold   integer not null default 10 check (low_stock_threshold >= 0),
  version               bigint not null default 1,
  last_replenishment_at timestamptz,
  tenant_id             uuid not null default '00000000-0000-7000-8000-000000000001',
  created_at            timestamptz not null default now(),
  updated_at            timestamptz not null default now(),
  primary key (product_id, variant_id, warehouse_id),
  constraint inventory_quantity_not_negative check (quantity >= 0),
  constraint inventory_reserved_within_quantity check (reserved >= 0 and reserved <= quantity),
  constraint inventory_variant_exists foreign key (product_id, variant_id)
    references commerce.product_variants (product_id, variant_id) on delete cascade deferrable initially deferred
) with (fillfactor = 80);
create index inventory_warehouse on commerce.inventory (warehouse_id);

create table commerce.stock_movements (
  product_id   uuid not null references commerce.products (product_id) on delete cascade,
  movement_id  uuid not null default uuidv7(),
  variant_id   uuid not null,
  warehouse_id uuid not null references commerce.warehouses (warehouse_id),
  delta        integer not null check (delta <> 0),
  kind         varchar(30) not null default 'adjustment' check (kind <> ''),
  order_id     uuid,
  tenant_id    uuid not null default '00000000-0000-7000-8000-000000000001',
  created_at   timestamptz not null default now(),
  updated_at   timestamptz not null default now(),
  primary key (product_id, movement_id)
);
create index stock_movements_order on commerce.stock_movements (order_id) where order_id is not null;

create table commerce.reservations (
  product_id     uuid not null references commerce.products (product_id) on delete cascade,
  reservation_id uuid not null default uuidv7(),
  variant_id     uuid not null,
  warehouse_id   uuid not null references commerce.warehouses (warehouse_id),
  quantity       integer not null check (quantity > 0),
  order_id       uuid,
  expires_at     timestamptz not null default now() + interval '15 minutes',
  state          varchar(20) not null default 'active' check (state in ('active', 'committed', 'released', 'expired')),
  tenant_id      uuid not null default '00000000-0000-7000-8000-000000000001',
  created_at     timestamptz not null default now(),
  updated_at     timestamptz not null default now(),
  primary key (product_id, reservation_id),
  constraint reservations_variant_exists foreign key (product_id, variant_id)
    references commerce.product_variants (product_id, variant_id) on delete cascade deferrable initially deferred
);
create index reservations_order on commerce.reservations (order_id) where order_id is not null;
create index reservations_due on commerce.reservations (expires_at) where state = 'active';

create table commerce.prices (
  product_id uuid not null references commerce.products (product_id) on delete cascade,
  price_id   uuid not null default uuidv7(),
  variant_id uuid,
  amount     numeric(12,2) not null check (amount > 0),
  currency   varchar(3) not null default 'USD'
             check (currency in ('USD', 'EUR', 'GBP', 'CHF', 'CAD', 'AUD', 'JPY', 'SEK', 'NOK', 'DKK', 'PLN')),
  valid_from timestamptz not null default now(),
  valid_to   timestamptz,
  reason     varchar(100),
  tenant_id  uuid not null default '00000000-0000-7000-8000-000000000001',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (product_id, price_id),
  constraint prices_period check (valid_to > valid_from),
  constraint prices_variant_exists foreign key (product_id, variant_id)
    references commerce.product_variants (product_id, variant_id) on delete cascade deferrable initially deferred
);

create table commerce.price_rules (
  rule_id    uuid primary key default uuidv7(),
  scope      varchar(20) not null check (scope in ('category', 'vendor', 'tag', 'product')),
  scope_id   uuid not null,
  kind       varchar(20) not null check (kind in ('percent', 'amount', 'fixed')),
  value      numeric(12,2) not null,
  priority   integer not null default 0,
  valid_from timestamptz not null default now(),
  valid_to   timestamptz,
  active     boolean not null default true,
  tenant_id  uuid not null default '00000000-0000-7000-8000-000000000001',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint price_rules_value check (value > 0 and (kind <> 'percent' or value < 100)),
  constraint price_rules_period check (valid_to > valid_from)
);
create index price_rules_scope on commerce.price_rules (scope, scope_id);

create trigger touch before update on commerce.warehouses for each row execute function commerce.touch_row();
create trigger touch before update on commerce.stock_movements for each row execute function commerce.touch_row();
create trigger touch before update on commerce.reservations for each row execute function commerce.touch_row();
create trigger touch before update on commerce.prices for each row execute function commerce.touch_row();
create trigger touch before update on commerce.price_rules for each row execute function commerce.touch_row();

create trigger fill_variant before insert on commerce.inventory
  for each row when (new.variant_id is null) execute function commerce.fill_variant();
create trigger fill_variant before insert on commerce.stock_movements
  for each row when (new.variant_id is null) execute function commerce.fill_variant();
create trigger fill_variant before insert on commerce.reservations
  for each row when (new.variant_id is null) execute function commerce.fill_variant();

-- version grows by one with every change; an increase of quantity is a replenishment, dated now unless the statement dates it.
create function commerce.keep_inventory() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    if new.quantity > 0 and new.last_replenishment_at is null then
      new.last_replenishment_at := new.created_at;
    end if;
    return new;
  end if;
  if new.updated_at is not distinct from old.updated_at then
    new.updated_at := now();
  end if;
  new.version := old.version + 1;
  if new.quantity > old.quantity and new.last_replenishment_at is not distinct from old.last_replenishment_at then
    new.last_replenishment_at := now();
  end if;
  return new;
end $$;
create trigger keep before insert or update on commerce.inventory for each row execute function commerce.keep_inventory();
