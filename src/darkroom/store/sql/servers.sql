-- Every server that is known, and those that hold attempts, with their beats and fair clocks.
select id, beat, fair_clocks from servers
union
select a.server, 0, '{}'
  from attempts a
 where a.ended_at is null and not exists (select 1 from servers s where s.id = a.server)
