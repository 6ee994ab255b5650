-- How many predictions that nobody runs wait in each pool for each version.
select pool, version, count(*)
  from predictions
 where claimed = 0 and completed_at is null
 group by pool, version
