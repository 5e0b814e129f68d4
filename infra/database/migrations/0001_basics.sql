-- The schema, the trigger functions every table shares, and tenants.
-- Every table carries tenant_id (default: the one demo tenant), created_at and updated_at. tenant_id has no foreign key on
-- purpose: each insert of each table would lock the same row of tenants.

create schema commerce;

-- Keeps updated_at, unless the statement itself set it (loads of historical data do).
create function commerce.touch_row() returns trigger language plpgsql as $$
begin
  if new.updated_at is not distinct from old.updated_at then
    new.updated_at := now();
  end if;
  return new;
end $$;

-- As touch_row, and counts the row's versions: whatever the statement says, version grows by one.
create function commerce.touch_versioned_row() returns trigger language plpgsql as $$
begin
  if new.updated_at is not distinct from old.updated_at then
    new.updated_at := now();
  end if;
  new.version := old.version + 1;
  return new;
end $$;

create table commerce.tenants (
  tenant_id  uuid primary key default uuidv7(),
  slug       varchar(100) not null unique,
  name       varchar(200) not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create trigger touch before update on commerce.tenants for each row execute function commerce.touch_row();

insert into commerce.tenants (tenant_id, slug, name)
values ('00000000-0000-7000-8000-000000000001', 'demo', 'Demo shop');
