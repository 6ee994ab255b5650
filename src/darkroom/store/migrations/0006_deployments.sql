-- Deployments and every release they have had; `number` is that of the current one.

create table deployments(
  id text primary key,
  owner text not null,
  name text not null,
  number bigint not null,
  unique (owner, name)
);
create index deployments_owner on deployments(owner, id);

create table releases(
  deployment_id text not null references deployments(id),
  number bigint not null,
  model text not null,
  version text not null,
  hardware text not null,
  min_instances bigint not null,
  max_instances bigint not null,
  created_at bigint not null,
  primary key (deployment_id, number),
  check (0 <= min_instances and min_instances <= max_instances)
);
create index releases_version on releases(version);
