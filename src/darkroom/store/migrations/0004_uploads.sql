-- Files that clients give on their own, before a prediction names them.

-- The row comes before the bytes, so that no bytes lie anywhere without a row that removes them:
-- arrived_at is null until all of them are there.
create table uploads(
  id text primary key,
  owner text not null,
  name text not null default '',
  content_type text not null default '',
  size_bytes bigint not null default 0,
  sha256 text not null default '',
  md5 text not null default '',
  metadata text not null default '{}',
  created_at bigint not null,
  expires_at bigint not null,
  arrived_at bigint
);
create index uploads_owner on uploads(owner, id);
create index uploads_expiry on uploads(expires_at);
