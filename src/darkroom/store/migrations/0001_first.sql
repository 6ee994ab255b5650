-- Predictions and what belongs to them. One text for SQLite and PostgreSQL; times are milliseconds.

create table predictions(
  id text primary key,
  owner text not null,
  model text not null,
  version text not null,
  shape text not null check (shape in ('one', 'list')),
  input_files text not null default '[]',
  webhook text,
  webhook_events text not null default '[]',
  status text not null default 'starting'
    check (status in ('starting', 'processing', 'succeeded', 'failed', 'canceled', 'aborted')),
  attempt bigint not null default 0,
  losses bigint not null default 0,
  claimed integer not null default 0 check (claimed in (0, 1)),
  created_at bigint not null,
  started_at bigint,
  completed_at bigint,
  deadline_at bigint,
  event_count bigint not null default 0,
  output_count bigint not null default 0,
  error text,
  metrics text not null default '{}',
  check ((status in ('succeeded', 'failed', 'canceled', 'aborted')) = (completed_at is not null)),
  check (completed_at is null or claimed = 0)
);
create index predictions_ready on predictions(version, id)
  where claimed = 0 and completed_at is null;
create index predictions_owner on predictions(owner, id);
create index predictions_deadline on predictions(deadline_at)
  where deadline_at is not null and completed_at is null;

create table attempts(
  prediction_id text not null references predictions(id),
  attempt bigint not null,
  worker text not null,
  incarnation bigint not null,
  leased_at bigint not null,
  ended_at bigint,
  outcome text check (
    outcome in ('succeeded', 'failed', 'canceled', 'lost', 'crashed', 'released')),
  error text,
  run_seconds double precision,
  primary key (prediction_id, attempt),
  check ((ended_at is null) = (outcome is null))
);
-- The database itself forbids two live attempts of one prediction.
create unique index attempts_one_live on attempts(prediction_id) where ended_at is null;

-- Apart from the row that changes: an input can be long, and a changed row is written anew.
create table inputs(
  prediction_id text primary key references predictions(id),
  input text not null
);

-- Events are numbered per prediction: log lines and outputs carry their number n, an ending has
-- the last ones (an error if there is one, then done), which follow from the prediction itself.
create table log_lines(
  prediction_id text not null references predictions(id),
  n bigint not null,
  text text not null,
  at bigint not null,
  primary key (prediction_id, n)
);

-- Outputs by attempt, and with attempt 0 the inputs that became files. An output that an earlier
-- attempt has shown already has no event number.
create table items(
  prediction_id text not null references predictions(id),
  attempt bigint not null,
  place bigint not null,
  n bigint,
  at bigint not null,
  value text,
  store_key text,
  name text,
  content_type text,
  size_bytes bigint,
  sha256 text,
  primary key (prediction_id, attempt, place),
  check ((value is null) <> (store_key is null))
);

create table deliveries(
  prediction_id text not null references predictions(id),
  kind text not null check (kind in ('start', 'output', 'logs', 'completed')),
  url text not null,
  state text not null default 'pending' check (state in ('pending', 'delivered', 'dead')),
  tries bigint not null default 0,
  next_at bigint not null,
  primary key (prediction_id, kind)
);

create table api_keys(
  id text primary key,
  owner text not null,
  digest text not null unique,
  hint text not null,
  admin integer not null check (admin in (0, 1)),
  created_at bigint not null,
  expires_at bigint,
  revoked_at bigint
);

create table secrets(
  name text primary key,
  value text not null
);
