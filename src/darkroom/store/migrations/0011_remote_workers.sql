-- Where workers from elsewhere have come to last: what is sent to them from another server, over a line
-- that only seems to stand, never reaches them.
create table remote_workers(
  name text primary key,
  incarnation bigint not null,
  server text not null,
  came_at bigint not null
);
