-- Predictions that nobody runs and that have not ended, and whose they are.
select id, owner from predictions where claimed = 0 and completed_at is null and gate < 2
union all
select id, owner
  from predictions
 where claimed = 0 and completed_at is null and gate > 0 and gate = 2
