-- Pools of workers, a fair order of what waits, and workers that come over the network.

alter table predictions add column pool text not null default 'default';
-- What waits is taken by priority, the highest first, then by the lowest fair key.
alter table predictions add column priority bigint not null default 0;
alter table predictions add column fair_key double precision not null default 0;
drop index predictions_ready;
create index predictions_ready on predictions(version, priority desc, fair_key, id, pool)
  where claimed = 0 and completed_at is null;

-- 1 for a worker that outlives its server: it may come back and go on.
alter table attempts add column remote integer not null default 0 check (remote in (0, 1));
-- The number of the last message of the attempt that was applied, where messages are numbered.
alter table attempts add column told bigint not null default 0;

-- Whose token it is: null for a key of the API, else the pool that a worker with it belongs to.
alter table api_keys add column pool text;

-- How far fair queueing has come on this server, in each class of what waits.
alter table servers add column fair_clocks text not null default '{}';
