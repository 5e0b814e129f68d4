-- The customer aggregate and the cart aggregate.

create table commerce.customers (
  customer_id uuid primary key default uuidv7(),
  email       varchar(320) not null check (email like '_%@_%'),
  name        varchar(200),
  phone       varchar(50),
  preferences jsonb not null default '{}' check (jsonb_typeof(preferences) = 'object'),
  tenant_id   uuid not null default '00000000-0000-7000-8000-000000000001',
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now()
);
create unique index customers_email_unique on commerce.customers (tenant_id, lower(email));

create table commerce.addresses (
  customer_id uuid not null references commerce.customers (customer_id) on delete cascade,
  address_id  uuid not null default uuidv7(),
  kind        varchar(20) not null default 'shipping' check (kind in ('shipping', 'billing')),
  line1       varchar(200),
  line2       varchar(200),
  city        varchar(100),
  region      varchar(100),
  postal_code varchar(20),
  country     varchar(100),
  is_default  boolean not null default false,
  tenant_id   uuid not null default '00000000-0000-7000-8000-000000000001',
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  primary key (customer_id, address_id)
);
create unique index addresses_one_default on commerce.addresses (customer_id, kind) where is_default;

create table commerce.carts (
  cart_id     uuid primary key default uuidv7(),
  customer_id uuid references commerce.customers (customer_id) on delete set null,
  status      varchar(20) not null default 'active' check (status in ('active', 'ordered', 'abandoned')),
  tenant_id   uuid not null default '00000000-0000-7000-8000-000000000001',
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now()
);
create index carts_customer on commerce.carts (customer_id) where customer_id is not null;

create table commerce.cart_items (
  cart_id    uuid not null references commerce.carts (cart_id) on delete cascade,
  product_id uuid not null,
  variant_id uuid not null,
  quantity   integer not null check (quantity > 0),
  tenant_id  uuid not null default '00000000-0000-7000-8000-000000000001',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (cart_id, product_id, variant_id),
  constraint cart_items_variant_exists foreign key (product_id, variant_id)
    references commerce.product_variants (product_id, variant_id) on delete cascade deferrable initially deferred
);
create index cart_items_variant on commerce.cart_items (product_id, variant_id);

create trigger touch before update on commerce.customers for each row execute function commerce.touch_row();
create trigger touch before update on commerce.addresses for each row execute function commerce.touch_row();
create trigger touch before update on commerce.carts for each row execute function commerce.touch_row();
create trigger touch before update on commerce.cart_items for each row execute function commerce.touch_row();
create trigger fill_variant before insert on commerce.cart_items
  for each row when (new.variant_id is null) execute function commerce.fill_variant();
