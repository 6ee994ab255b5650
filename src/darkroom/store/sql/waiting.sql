-- Versions that unclaimed predictions wait for.
select distinct version
  from predictions
 where claimed = 0 and completed_at is null and gate < 2
