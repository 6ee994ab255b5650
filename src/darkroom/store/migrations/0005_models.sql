-- Models made over the API, versions made by trainings, and versions that were deleted.

-- Runs are counted from the index alone.
create index predictions_runs on predictions(model, version, owner, destination);

-- What is removed in rounds is looked for behind where the last look ended.
drop index predictions_removable;
create index predictions_removable on predictions(completed_at, id)
  where completed_at is not null and data_removed_at is null;
drop index uploads_expiry;
create index uploads_expiry on uploads(expires_at, id);

create table models(
  owner text not null,
  name text not null,
  visibility text not null check (visibility in ('public', 'private')),
  hardware text not null,
  description text not null default '',
  readme text not null default '',
  github_url text,
  paper_url text,
  license_url text,
  cover_image_url text,
  weights_url text,
  created_at bigint not null,
  primary key (owner, name)
);

-- What a trainer began with, whole: a training that ends makes a version of it, in one transaction
-- and whatever the catalogue's files say by then.
create table trainers(
  id text primary key,
  base text not null
);

create table trained_versions(
  id text primary key,
  model text not null,
  training_id text not null unique references predictions(id),
  version text not null,
  created_at bigint not null
);
create index trained_versions_model on trained_versions(model);

-- Whether they came from a file or from a training, they stay deleted.
create table deleted_versions(
  id text primary key,
  model text not null,
  deleted_at bigint not null
);
