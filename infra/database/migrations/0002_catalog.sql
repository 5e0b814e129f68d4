-- Reference data of the catalog (vendors, categories, tags) and the product aggregate without stock and prices.

create table commerce.vendors (
  vendor_id  uuid primary key default uuidv7(),
  name       varchar(200) not null check (name <> ''),
  tenant_id  uuid not null default '00000000-0000-7000-8000-000000000001',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table commerce.categories (
  category_id uuid primary key default uuidv7(),
  parent_id   uuid references commerce.categories (category_id),
  name        varchar(200) not null check (name <> ''),
  slug        varchar(200),
  tenant_id   uuid not null default '00000000-0000-7000-8000-000000000001',
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  constraint categories_slug_unique unique (tenant_id, slug)
);
create index categories_parent on commerce.categories (parent_id);

-- A category is never its own ancestor. One writer of the tree at a time, or two moves could close a circle together.
create function commerce.refuse_category_circle() returns trigger language plpgsql as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('commerce.categories', 0));
  if exists (
    with recursive above (id) as (
      select new.parent_id
      union
      select c.parent_id from commerce.categories c join above on c.category_id = above.id where c.parent_id is not null
    )
    select from above where id = new.category_id
  ) then
    raise exception 'category % cannot be below itself', new.category_id
      using errcode = 'check_violation', constraint = 'categories_no_circle', table = 'categories', schema = 'commerce';
  end if;
  return new;
end $$;
create trigger no_circle before insert or update of parent_id on commerce.categories
  for each row when (new.parent_id is not null) execute function commerce.refuse_category_circle();

create table commerce.tags (
  tag_id     uuid primary key default uuidv7(),
  name       varchar(100) not null check (name <> ''),
  tenant_id  uuid not null default '00000000-0000-7000-8000-000000000001',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint tags_name_unique unique (tenant_id, name)
);

create table commerce.products (
  product_id  uuid primary key default uuidv7(),
  sku         varchar(100) not null check (sku <> ''),
  name        varchar(500) not null check (name <> ''),
  description text,
  status      varchar(20) not null default 'active' check (status in ('draft', 'active', 'archived')),
  category_id uuid references commerce.categories (category_id),
  vendor_id   uuid references commerce.vendors (vendor_id),
  base_price  numeric(12,2) not null check (base_price > 0),
  currency    varchar(3) not null default 'USD'
              check (currency in ('USD', 'EUR', 'GBP', 'CHF', 'CAD', 'AUD', 'JPY', 'SEK', 'NOK', 'DKK', 'PLN')),
  weight      numeric(8,3) check (weight >= 0),
  attributes  jsonb not null default '{}' check (jsonb_typeof(attributes) = 'object'),
  dimensions  jsonb check (jsonb_typeof(dimensions) = 'object'),
  version     bigint not null default 1,
  tenant_id   uuid not null default '00000000-0000-7000-8000-000000000001',
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  constraint products_sku_unique unique (tenant_id, sku)
);
create index products_category on commerce.products (category_id);
create index products_vendor on commerce.products (vendor_id);

create table commerce.product_variants (
  product_id uuid not null references commerce.products (product_id) on delete cascade,
  variant_id uuid not null default uuidv7(),
  sku        varchar(100) not null check (sku <> ''),
  name       varchar(500),
  attributes jsonb not null default '{}' check (jsonb_typeof(attributes) = 'object'),
  tenant_id  uuid not null default '00000000-0000-7000-8000-000000000001',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (product_id, variant_id),
  constraint product_variants_sku_unique unique (product_id, sku)
);

create table commerce.product_images (
  product_id uuid not null references commerce.products (product_id) on delete cascade,
  image_id   uuid not null default uuidv7(),
  url        text not null check (url <> ''),
  alt        varchar(500),
  position   integer not null default 0 check (position >= 0),
  tenant_id  uuid not null default '00000000-0000-7000-8000-000000000001',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (product_id, image_id)
);

create table commerce.product_tags (
  product_id uuid not null references commerce.products (product_id) on delete cascade,
  tag_id     uuid not null references commerce.tags (tag_id),
  value      varchar(255),
  tenant_id  uuid not null default '00000000-0000-7000-8000-000000000001',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (product_id, tag_id)
);
create index product_tags_tag on commerce.product_tags (tag_id);

create table commerce.reviews (
  product_id  uuid not null references commerce.products (product_id) on delete cascade,
  review_id   uuid not null default uuidv7(),
  customer_id uuid,
  rating      smallint not null check (rating between 1 and 5),
  title       varchar(200),
  body        text,
  status      varchar(20) not null default 'published' check (status in ('pending', 'published', 'rejected')),
  tenant_id   uuid not null default '00000000-0000-7000-8000-000000000001',
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  primary key (product_id, review_id)
);

create trigger touch before update on commerce.vendors for each row execute function commerce.touch_row();
create trigger touch before update on commerce.categories for each row execute function commerce.touch_row();
create trigger touch before update on commerce.tags for each row execute function commerce.touch_row();
create trigger touch before update on commerce.products for each row execute function commerce.touch_versioned_row();
create trigger touch before update on commerce.product_variants for each row execute function commerce.touch_row();
create trigger touch before update on commerce.product_images for each row execute function commerce.touch_row();
create trigger touch before update on commerce.product_tags for each row execute function commerce.touch_row();
create trigger touch before update on commerce.reviews for each row execute function commerce.touch_row();

-- A product has at least one variant. Where a commit would leave it without, it gets the default one: variant_id is the
-- product's id, sku the product's sku. Deferred, so that a transaction may write its own variants after the product.
create function commerce.ensure_variant(of_product uuid) returns void language sql as $$
  insert into commerce.product_variants (product_id, variant_id, sku, name, tenant_id, created_at, updated_at)
  select p.product_id, p.product_id, p.sku, p.name, p.tenant_id, p.created_at, p.created_at
  from commerce.products p
  where p.product_id = of_product
    and not exists (select from commerce.product_variants v where v.product_id = of_product)
$$;

create function commerce.ensure_variant_of_new_product() returns trigger language plpgsql as $$
begin
  perform commerce.ensure_variant(new.product_id);
  return null;
end $$;
create constraint trigger default_variant after insert on commerce.products
  deferrable initially deferred for each row execute function commerce.ensure_variant_of_new_product();

create function commerce.ensure_variant_after_removal() returns trigger language plpgsql as $$
begin
  -- The product's row is the lock: two transactions that each remove one of the last two variants take turns.
  perform from commerce.products p where p.product_id = old.product_id for no key update;
  perform commerce.ensure_variant(old.product_id);
  return null;
end $$;
create constraint trigger default_variant after delete on commerce.product_variants
  deferrable initially deferred for each row execute function commerce.ensure_variant_after_removal();

-- The default variant's sku follows the product's.
create function commerce.follow_product_sku() returns trigger language plpgsql as $$
begin
  update commerce.product_variants set sku = new.sku
  where product_id = new.product_id and variant_id = new.product_id and sku = old.sku;
  return null;
end $$;
create trigger follow_sku after update on commerce.products
  for each row when (old.sku is distinct from new.sku) execute function commerce.follow_product_sku();

-- The variant meant by a row that names only the product: the default one (also while it is still to be made at commit),
-- else the product's first.
create function commerce.default_variant_of(of_product uuid) returns uuid language sql stable as $$
  select coalesce(
    (select v.variant_id from commerce.product_variants v
     where v.product_id = of_product
     order by v.variant_id <> v.product_id, v.variant_id limit 1),
    of_product)
$$;

create function commerce.fill_variant() returns trigger language plpgsql as $$
begin
  new.variant_id := commerce.default_variant_of(new.product_id);
  return new;
end $$;
