-- Several servers on one database: who lives, and which of them an attempt belongs to.

-- The beat only grows. Who has watched it stand still for a time on a clock of its own knows that
-- the server is gone; nobody compares the clocks of two machines.
create table servers(
  id text primary key,
  beat bigint not null
);

-- Who accepted it, whose worker holds it, who sends it; '' where there is only one server.
alter table predictions add column server text not null default '';
alter table attempts add column server text not null default '';
alter table deliveries add column server text not null default '';
