-- What visitors of storefronts do: facts, kept as long as the shop likes. Whole sessions are thrown away (docs/shop-processors.md).

create table commerce.behaviour_events (
  session_id  uuid not null,
  event_id    uuid not null default uuidv7(),
  kind        varchar(20) not null check (kind in ('view', 'search', 'add_to_cart', 'checkout', 'purchase')),
  -- No foreign keys: a visitor may have looked at what is deleted by now.
  product_id  uuid,
  customer_id uuid,
  -- Whole milliseconds, as storefronts tell them.
  occurred_at timestamptz(3) not null default now(),
  tenant_id   uuid not null default '00000000-0000-7000-8000-000000000001',
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  primary key (session_id, event_id)
);
create index behaviour_events_created on commerce.behaviour_events (created_at);

create function commerce.refuse_change_of_fact() returns trigger language plpgsql as $$
begin
  raise exception 'rows of % are facts: they are inserted and deleted, never changed', tg_table_name using errcode = 'restrict_violation';
end $$;
create trigger facts before update on commerce.behaviour_events
  for each row execute function commerce.refuse_change_of_fact();

alter publication millrace add table commerce.behaviour_events;
