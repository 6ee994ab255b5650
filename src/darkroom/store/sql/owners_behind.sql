-- Owners of whom something is held back.
select distinct owner
  from predictions
 where claimed = 0 and completed_at is null and gate > 0 and gate = 2
