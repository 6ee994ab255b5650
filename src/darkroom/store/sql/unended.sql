-- Predictions that have not ended, and whose they are: those that may be claimed, those held back in
-- their owner's line, and those that somebody runs. Each part is one that a partial index has.
select id, owner from predictions where claimed = 0 and completed_at is null and gate < 2
union all
select id, owner from predictions
 where claimed = 0 and completed_at is null and gate > 0 and gate = 2
union all
select p.id, p.owner
  from attempts a
  join predictions p on p.id = a.prediction_id
 where a.ended_at is null and p.completed_at is null
