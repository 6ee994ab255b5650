-- Webhooks that are delivered, repeated creations, data that is removed, deployments and trainings.

-- Scheme, host and prefix under which the client found us: a webhook's body is built from it.
alter table predictions add column webhook_site text;
alter table predictions add column deployment text;
-- owner/name of the model that a training makes a version of; null for all other predictions.
alter table predictions add column destination text;
-- Of method, path, body and key of the request, so that a repeated one can be told.
alter table predictions add column request_digest text;
alter table predictions add column data_removed_at bigint;
create index predictions_trainings on predictions(owner, id) where destination is not null;
create index predictions_removable on predictions(completed_at)
  where completed_at is not null and data_removed_at is null;

-- Nothing has been delivered so far, and nothing says where bodies would have pointed.
drop table deliveries;
-- The endpoint is the address without its query: limits and breakers are kept for it.
create table deliveries(
  prediction_id text not null references predictions(id),
  n bigint not null,
  kind text not null check (kind in ('start', 'output', 'logs', 'completed')),
  endpoint text not null,
  state text not null default 'pending'
    check (state in ('pending', 'delivered', 'dead', 'dropped')),
  tries bigint not null default 0,
  created_at bigint not null,
  next_at bigint not null,
  primary key (prediction_id, n)
);
create index deliveries_due on deliveries(endpoint, next_at) where state = 'pending';

create table delivery_tries(
  prediction_id text not null,
  n bigint not null,
  try bigint not null,
  at bigint not null,
  status bigint,
  seconds double precision not null,
  error text,
  answer text,
  primary key (prediction_id, n, try),
  foreign key (prediction_id, n) references deliveries(prediction_id, n)
);

create table idempotency_keys(
  owner text not null,
  key text not null,
  digest text not null,
  prediction_id text not null references predictions(id),
  created_at bigint not null,
  primary key (owner, key)
);
create index idempotency_keys_age on idempotency_keys(created_at);
