-- The last transaction that each server has committed, where the connection can break meanwhile.

-- PostgreSQL's own transaction numbers cannot tell: one that a crash has undone is given out again.
create table commits(
  server text primary key,
  number bigint not null
);
