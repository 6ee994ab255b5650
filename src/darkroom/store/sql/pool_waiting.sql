-- How many predictions that nobody runs wait in each pool for each version, and may be claimed.
select pool, version, count(*)
  from predictions
 where claimed = 0 and completed_at is null and gate < 2
 group by pool, version
