-- Tables of the platform itself. Only view_generations is captured; the others stay in this database.

-- Intent events, written in the command's transaction.
create table commerce.outbox_events (
  event_id       uuid primary key default uuidv7(),
  aggregate_type varchar(50) not null,
  aggregate_id   uuid not null,
  event_type     varchar(100) not null,
  payload        jsonb not null,
  headers        jsonb not null default '{}' check (jsonb_typeof(headers) = 'object'),
  tenant_id      uuid not null default '00000000-0000-7000-8000-000000000001',
  created_at     timestamptz not null default now(),
  updated_at     timestamptz not null default now()
);

-- First answers to commands, by the key their sender chose. A row without a response is a command in flight.
create table commerce.idempotency_keys (
  tenant_id        uuid not null default '00000000-0000-7000-8000-000000000001',
  scope            varchar(200) not null default '',
  key              varchar(255) not null check (key <> ''),
  request_hash     varchar(64) not null,
  response_status  integer check (response_status between 100 and 599),
  response_headers jsonb,
  response_body    text,
  expires_at       timestamptz not null default now() + interval '24 hours',
  created_at       timestamptz not null default now(),
  updated_at       timestamptz not null default now(),
  primary key (tenant_id, scope, key)
);
create index idempotency_keys_expiry on commerce.idempotency_keys (expires_at);

-- One row per view. Readers follow active: changing it is the switch. building is being filled, previous waits for a rollback.
create table commerce.view_generations (
  view       varchar(100) primary key check (view <> ''),
  active     integer not null default 1 check (active > 0),
  building   integer check (building > 0),
  previous   integer check (previous > 0),
  tenant_id  uuid not null default '00000000-0000-7000-8000-000000000001',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint view_generations_distinct check (building <> active and previous <> active and building <> previous)
);

create table commerce.audit_log (
  audit_id    uuid primary key default uuidv7(),
  actor       varchar(200) not null,
  action      varchar(100) not null,
  entity_type varchar(50),
  entity_id   varchar(200),
  detail      jsonb not null default '{}' check (jsonb_typeof(detail) = 'object'),
  at          timestamptz not null default now(),
  tenant_id   uuid not null default '00000000-0000-7000-8000-000000000001',
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now()
);
create index audit_log_entity on commerce.audit_log (entity_type, entity_id, at);

-- How far a load of generated data has come, written in the same transaction as the data.
create table commerce.load_progress (
  load       varchar(200) primary key,
  done       bigint not null default 0 check (done >= 0),
  total      bigint not null check (total >= 0),
  detail     jsonb not null default '{}',
  tenant_id  uuid not null default '00000000-0000-7000-8000-000000000001',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint load_progress_within_total check (done <= total)
);

create trigger touch before update on commerce.outbox_events for each row execute function commerce.touch_row();
create trigger touch before update on commerce.idempotency_keys for each row execute function commerce.touch_row();
create trigger touch before update on commerce.view_generations for each row execute function commerce.touch_row();
create trigger touch before update on commerce.audit_log for each row execute function commerce.touch_row();
create trigger touch before update on commerce.load_progress for each row execute function commerce.touch_row();
